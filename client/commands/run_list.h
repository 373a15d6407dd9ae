// Stored runs as a list, for `runs` and `runs prune`. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/store/store.h"

namespace synergy {

// A row a run, in their order.
std::string RunListText(const std::vector<StoredRun>& runs);
nlohmann::ordered_json RunListJson(const std::vector<StoredRun>& runs);

}  // namespace synergy
