#include "common/attribution/filtered_windows.h"

#include <algorithm>

namespace synergy {
namespace {

// Exponents beyond this are moved into a new base before they overflow.
constexpr double kMostGrowth = 200;

}  // namespace

bool FilteredShares::At(double at_ns, Eigen::VectorXd* shares) {
  if (!started_) {
    now_ns_ = base_ns_ = occupancy_.begin_ns();
    started_ = true;
  }
  if (at_ns > occupancy_.end_ns()) return false;
  for (; now_ns_ < at_ns; ++piece_) {
    const Occupancy::Piece piece = occupancy_.PieceNumber(piece_);
    const double end = std::min(piece.end_ns, at_ns);
    if ((end - base_ns_) / decay_ns_ > kMostGrowth) {
      grown_ *= std::exp((base_ns_ - now_ns_) / decay_ns_);
      base_ns_ = now_ns_;
    }
    // A piece longer than the growth that fits: nothing of what was before is left.
    const double end_growth = std::exp(std::min((end - base_ns_) / decay_ns_, 2 * kMostGrowth));
    const double begin_growth = std::exp((now_ns_ - base_ns_) / decay_ns_);
    for (const Occupancy::Part& part : piece.parts) {
      grown_[part.category] += part.share * (end_growth - begin_growth);
    }
    now_ns_ = end;
    if (piece.end_ns > at_ns) break;
  }
  *shares = grown_ * std::exp((base_ns_ - now_ns_) / decay_ns_);
  return true;
}

FilterReader::FilterReader(const Occupancy& occupancy, size_t categories, double period_ns,
                           double average, double slower)
    : half_period_ns_(0.5 * period_ns),
      decay_ns_(period_ns * DecayConversions(average)),
      first_(occupancy.PieceNumber(0).parts.front().category),
      filtered_(occupancy, categories, decay_ns_),
      slower_(occupancy, categories, decay_ns_ * (1 + slower)) {}

bool FilterReader::At(double at_ns, HeldShares* held) {
  Eigen::VectorXd early, middle, slow, late;
  const bool all = Complete(&filtered_, at_ns - half_period_ns_, &early, &held->before) &&
                   Complete(&filtered_, at_ns, &middle, nullptr) &&
                   Complete(&slower_, at_ns, &slow, nullptr) &&
                   Complete(&filtered_, at_ns + half_period_ns_, &late, nullptr);
  if (!all) return false;
  held->mean = (early + 4 * middle + late) / 6;
  held->moved = late - early;
  held->slowed = slow - middle;
  return true;
}

bool FilterReader::Complete(FilteredShares* filter, double at_ns, Eigen::VectorXd* shares,
                            double* before) {
  if (!filter->At(at_ns, shares)) return false;
  const double missing = 1 - shares->sum();
  (*shares)[first_] += missing;
  if (before != nullptr) *before = missing;
  return true;
}

}  // namespace synergy
