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

}  // namespace synergy
