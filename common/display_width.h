// How much room text takes on a terminal, and what of it is seen.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace synergy {

// Takes one code point off UTF-8, which is not checked.
char32_t TakeCodePoint(std::string_view* text);

// 2 of a wide character, 0 of one that is put onto the one before it, 1 of all others.
size_t ColumnsOf(char32_t c);
// Of UTF-8.
size_t ColumnsOf(std::string_view text);

// Such text with a '?' for each character that is not seen but changes how others are: marks that
// turn the direction of text (Unicode's embeddings, overrides and isolates), what has no width and
// joins or parts, line ends of other kinds, and at the begin an accent without a letter.
std::string Visible(std::string_view text);

}  // namespace synergy
