// Rows of somebody else's table, with a map of its columns. Pure; locales change nothing.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/predict/feature_table.h"

namespace synergy {

// What a table's columns are: "energy" [J] and "network", which must be there, "layer", "type",
// "run", "architecture", "energy_sd" [J], "frequency" [GHz], "time" [s], and features by their
// names (feature_table.h) or any other for counted events. Rows of one network and run are added
// up; where a network has several runs, "run" must tell them apart, by any name within the network.
// A value may be scaled: "energy" -> "measured_mJ*1e-3".
using ColumnMap = std::map<std::string, std::string>;

// "energy=measured_mJ*1e-3,network=net,macs=MACs". InvalidArgument: what is wrong with it.
absl::StatusOr<ColumnMap> ParseColumnMap(std::string_view text);

// Lines that are empty or begin with # do not count. InvalidArgument: the column or the line that
// is wrong, and what it should be.
absl::StatusOr<FeatureTable> ReadFeatureTable(std::string_view text, const ColumnMap& map);

}  // namespace synergy
