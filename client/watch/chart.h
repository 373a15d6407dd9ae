// Curves and bars of characters. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "client/watch/power_history.h"

namespace synergy {

// Places for values beside each other in a chart of so many columns: braille has two in each.
size_t PlacesOf(size_t columns, bool utf8);

// `values`: PlacesOf(columns, utf8) of them, each drawn from its lowest to its highest, and on to
// where the one before it was. The top of the chart is `top_w`, its bottom 0. From the top row to
// the bottom one, all of `columns`.
std::vector<std::string> PowerChart(const std::vector<std::optional<PowerSpan>>& values,
                                    double top_w, size_t columns, size_t rows, bool utf8);

// The next of 1, 2, 5, 10, 20, ... that is not below it; at least 0.1. The scale of a chart, which
// then rarely changes.
double ScaleFor(double highest_w);

// From 0 to `low` full, from there to `high` the interval; `full` is all of `columns`.
std::string IntervalBar(double low, double high, double full, size_t columns, bool utf8);

}  // namespace synergy
