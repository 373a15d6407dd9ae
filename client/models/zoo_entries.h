#pragma once

#include <vector>

#include "client/models/zoo.h"

namespace synergy {

// What Zoo() returns: the table, sorted by name. docs/networks.md is its prose.
std::vector<ZooEntry> MakeZooEntries();

}  // namespace synergy
