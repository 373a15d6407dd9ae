#include "common/attribution/occupancy.h"

#include <algorithm>

namespace synergy {

void Occupancy::Append(double end_ns, uint32_t category) {
  const Part part{.category = category, .share = 1};
  Append(end_ns, std::span(&part, 1));
}

void Occupancy::Append(double end_ns, std::span<const Part> parts) {
  if (!(end_ns > end_)) return;
  const bool is_alone = parts.size() == 1 && parts.front().share == 1;
  who_.push_back(is_alone ? Alone(parts.front().category) : Add(parts));
  const auto piece = static_cast<uint32_t>(pieces() - 1);
  while (begin_ns() + kGridNs * static_cast<double>(grid_.size()) < end_ns) grid_.push_back(piece);
  begins_.push_back(end_ns);
  end_ = end_ns;
}

void Occupancy::Reserve(size_t pieces) {
  begins_.reserve(begins_.size() + pieces);
  who_.reserve(who_.size() + pieces);
}

Occupancy::Who Occupancy::Alone(uint32_t category) {
  if (category >= alone_.size()) alone_.resize(category + 1);
  Who& who = alone_[category];
  const Part part{.category = category, .share = 1};
  if (who.count == 0) who = Add(std::span(&part, 1));
  return who;
}

Occupancy::Who Occupancy::Add(std::span<const Part> parts) {
  const Who who{.first = static_cast<uint32_t>(parts_.size()),
                .count = static_cast<uint32_t>(parts.size())};
  parts_.insert(parts_.end(), parts.begin(), parts.end());
  return who;
}

size_t Occupancy::PieceAt(double at_ns) const {
  const double cell = std::max(0.0, (at_ns - begin_ns()) / kGridNs);
  size_t piece = grid_[std::min(static_cast<size_t>(cell), grid_.size() - 1)];
  while (piece + 1 < pieces() && begins_[piece + 1] <= at_ns) ++piece;
  return piece;
}

bool Occupancy::Row(double begin_ns, double end_ns, std::vector<RegressionRows::Entry>* row,
                    size_t* near) const {
  row->clear();
  if (pieces() == 0 || begin_ns < this->begin_ns() || end_ns > end_ || !(end_ns > begin_ns)) {
    return false;
  }
  const double length = end_ns - begin_ns;
  *near = PieceAt(begin_ns, *near);
  for (size_t piece = *near; piece < pieces() && begins_[piece] < end_ns; ++piece) {
    const Piece p = PieceNumber(piece);
    const double overlap = std::min(end_ns, p.end_ns) - std::max(begin_ns, p.begin_ns);
    if (!(overlap > 0)) continue;
    for (const Part& part : p.parts) {
      const double weight = part.share * overlap / length;
      const auto same = std::ranges::find(*row, part.category, &RegressionRows::Entry::parameter);
      if (same != row->end()) {
        same->weight += weight;
      } else {
        row->push_back({.parameter = part.category, .weight = weight});
      }
    }
  }
  return true;
}

PowerCourse::PowerCourse(const Occupancy& occupancy, const Eigen::VectorXd& power)
    : occupancy_(occupancy),
      pieces_(std::make_unique_for_overwrite<PieceEnergy[]>(occupancy.pieces())) {
  double energy = 0;
  for (size_t i = 0; i < occupancy.pieces(); ++i) {
    const Occupancy::Piece piece = occupancy.PieceNumber(i);
    double mean = 0;
    for (const Occupancy::Part& part : piece.parts) mean += part.share * power[part.category];
    pieces_[i].power = mean;
    pieces_[i].before = energy;
    energy += mean * (piece.end_ns - piece.begin_ns);
  }
}

PowerCourse::Point PowerCourse::At(double at_ns) const {
  if (occupancy_.pieces() == 0) return {};
  size_t piece = occupancy_.PieceAt(std::clamp(at_ns, occupancy_.begin_ns(), occupancy_.end_ns()));
  return At(at_ns, &piece);
}

}  // namespace synergy
