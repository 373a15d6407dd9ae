// What of a line there is room for, so that no number is cut. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace synergy {

// The items, as far as they fit whole; "+2" for two that do not.
std::string FittingItems(const std::vector<std::string>& items, size_t columns,
                         std::string_view between = "  ");

// Words in lines of so many columns, at most `most` of them, 1 or more; where they do not fit, the
// middle of what is in the last one is left out.
std::vector<std::string> FittingLines(std::string_view text, size_t columns, size_t most);

// " host  title", of which the host is shortened first.
std::string FittingTitle(const std::string& host, const std::string& title, size_t columns);

}  // namespace synergy
