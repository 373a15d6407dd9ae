// A played load pattern as a function of time, as a meter sees it: each of its readings is the mean
// over a window.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace synergy {

class LoadPattern {
 public:
  // `edges_ns`: load on, off, on, ..., off, in order.
  explicit LoadPattern(std::span<const int64_t> edges_ns);

  // Mean of the edges: the instant about which the pattern is found, where an error of the drift
  // costs least.
  int64_t origin_ns() const { return origin_ns_; }
  // All times below are from there, in ns.
  double begin() const { return edges_.front(); }
  double end() const { return edges_.back(); }
  size_t edges() const { return edges_.size(); }

  // The share of [at - window / 2, at + window / 2] in which there is load, and how that changes
  // with `at`.
  double Mean(double at, double window) const;
  double Slope(double at, double window) const;
  // The number of the edge that is nearest.
  size_t Nearest(double at) const;

 private:
  double Integral(double to) const;  // of the load from the begin on
  double Load(double at) const;

  int64_t origin_ns_ = 0;
  std::vector<double> edges_;
  std::vector<double> loaded_;  // ns of load before each edge
};

}  // namespace synergy
