// Two sets of runs side by side, for people. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/analysis/comparison.h"

namespace synergy {

// A table, each value with two digits of its 95 % half-width; `width` as of TextTable.
std::string ComparisonText(const Comparison& comparison, size_t width);

// A line each: "engine: caffe2-eigen 1 -> caffe2-openblas 1". "" where nothing differs.
std::string DifferencesText(const std::vector<RunDifference>& differences);

// A value in the metric's unit: "14.21 mJ", "7.123 ms", "0.101 mJs".
std::string MetricText(Metric metric, double value);
// "+2.1 %"
std::string PercentText(double log, int decimals = 2);

}  // namespace synergy
