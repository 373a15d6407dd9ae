// How long text is for people.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace synergy {

// Of UTF-8; a terminal gives most characters a column each.
inline size_t CharactersOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace synergy
