// Lines for people, fitted to a terminal. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace synergy {

// Lines wider than so many columns go on in the next one, from a blank on, below the text behind
// their label ("  note     "). A word that is wider alone stays whole. 0 columns: all stays as it
// is.
std::string Wrapped(std::string_view text, size_t columns);

}  // namespace synergy
