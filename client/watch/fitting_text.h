// What of a line there is room for, so that no number is cut. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace synergy {

// The items, two blanks between them, as far as they fit whole; "+2" for two that do not.
std::string FittingItems(const std::vector<std::string>& items, size_t columns);

// " host  title", of which the host is shortened first.
std::string FittingTitle(const std::string& host, const std::string& title, size_t columns);

}  // namespace synergy
