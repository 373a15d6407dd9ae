// Which known name somebody meant who typed an unknown one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace synergy {

// The name in `known` with the fewest edits (insert, delete, replace, swap of neighbours) from
// `typed`, upper and lower case being equal; the first of several. "" where even that takes more
// than half of `typed`'s letters, since then nothing like it is known. `typed` is cut after 64
// bytes.
std::string NearestName(std::string_view typed, const std::vector<std::string>& known);

}  // namespace synergy
