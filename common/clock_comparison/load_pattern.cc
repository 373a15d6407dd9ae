#include "common/clock_comparison/load_pattern.h"

#include <algorithm>

namespace synergy {

LoadPattern::LoadPattern(std::span<const int64_t> edges_ns) {
  double sum = 0;
  for (const int64_t edge : edges_ns) sum += static_cast<double>(edge - edges_ns.front());
  origin_ns_ = edges_ns.front() + static_cast<int64_t>(sum / static_cast<double>(edges_ns.size()));
  double loaded = 0;
  for (size_t i = 0; i < edges_ns.size(); ++i) {
    edges_.push_back(static_cast<double>(edges_ns[i] - origin_ns_));
    if (i % 2 == 1) loaded += edges_[i] - edges_[i - 1];
    loaded_.push_back(loaded);
  }
}

double LoadPattern::Integral(double to) const {
  const auto next = std::ranges::upper_bound(edges_, to);
  if (next == edges_.begin()) return 0;
  const auto last = static_cast<size_t>(next - edges_.begin()) - 1;
  return loaded_[last] + (last % 2 == 0 ? to - edges_[last] : 0);
}

double LoadPattern::Load(double at) const {
  return (std::ranges::upper_bound(edges_, at) - edges_.begin()) % 2 == 1 ? 1 : 0;
}

double LoadPattern::Mean(double at, double window) const {
  return (Integral(at + window / 2) - Integral(at - window / 2)) / window;
}

double LoadPattern::Slope(double at, double window) const {
  return (Load(at + window / 2) - Load(at - window / 2)) / window;
}

size_t LoadPattern::Nearest(double at) const {
  const auto next = static_cast<size_t>(std::ranges::lower_bound(edges_, at) - edges_.begin());
  if (next == 0) return 0;
  if (next == edges_.size()) return next - 1;
  return at - edges_[next - 1] < edges_[next] - at ? next - 1 : next;
}

}  // namespace synergy
