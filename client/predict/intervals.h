// Prediction intervals, from what predictions of networks that were left out were off by. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace synergy {

// Of an operator, or a network: the logarithm of what was measured over what was predicted.
struct LogRatio {
  size_t network = 0;  // its place
  double value = 0;
};

// As a logarithm, half of what one more operator of one more network is within with 95 %: Student's
// t, whose degrees of freedom are those of networks as far as operators of one are off together.
// Nothing: fewer than two networks, or they say nothing.
std::optional<double> LogHalf95(const std::vector<LogRatio>& ratios);

// Within which 95 % lie, as factors of what is predicted: shares of the ratios where these are of
// enough networks, and enough where those of a network that are off together count as one; else by
// LogHalf95.
struct RatioRange {
  double low = 0, high = 0;
  friend bool operator==(const RatioRange&, const RatioRange&) = default;
};
std::optional<RatioRange> RatioRange95(const std::vector<LogRatio>& ratios);

// Fewer, and 2.5 % of them are less than one.
inline constexpr size_t kRowsOfShares = 39;
// Fewer do not even say how far their operators are off together.
inline constexpr size_t kNetworksOfShares = 10;

// No interval is wider: it would say nothing, and overflow.
inline constexpr double kMostLogHalf = 50;

}  // namespace synergy
