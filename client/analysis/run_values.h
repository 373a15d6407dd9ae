// What runs are compared by: the energy, the time or their product of the network, its operator
// types, its modules and its operators, with what the run itself says of their errors. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

enum class Metric { kEnergy, kTime, kEdp };
std::string_view MetricName(Metric metric);  // "energy", "time", "edp"

enum class Level { kNetwork, kType, kModule, kOperator };
std::string_view LevelName(Level level);  // "network", "type", "module", "operator"

// The natural logarithm of a value (J, s, J s) and its standard deviation within the run, as a
// share of the value: the half of a 95 % interval by 1.96, which takes Student's t for wider than
// it is. An energy's has the scatter of the iterations' times in it. No deviation: the run does not
// tell.
struct RunValue {
  double log = 0;
  std::optional<double> sd;
};

struct NamedValue {
  Level level = Level::kNetwork;
  std::string name;  // of the network "", of operators with "#2" where the name comes again
  std::optional<RunValue> value;  // absent: not known, or a part of a group
};

// In the order of the levels. Of one inference. The types and modules have the sum of their
// operators' mean times, whose errors nobody knows: time and edp are without a deviation, and
// energy has its own alone.
std::vector<NamedValue> ValuesOf(const RunReport& report, size_t rail, Metric metric);

struct RunDifference {
  // "network", "batch", "board", "engine", "threads", "clocks" (that were asked for), "highest
  // clock" (of the measured phase), "iterations", "method"
  std::string what;
  std::string a, b;
  bool compares_otherwise = false;  // another network by its name, or another batch
};

// What differs between the conditions of two runs. A network is its name, its operators with their
// shapes, and the weights where they were sent: under the same name it may have been changed.
std::vector<RunDifference> DifferencesOf(const RunReport& a, const RunReport& b);

}  // namespace synergy
