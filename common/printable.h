// Text from another process, made fit for logs, terminals and protobuf strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace synergy {

// Valid UTF-8 of at most `max_bytes`: what is no UTF-8 and control characters become '?', a line
// end a space; cut between characters.
std::string Printable(std::string_view untrusted, size_t max_bytes);

// At most so many columns of such text (common/display_width.h), in whose middle an ellipsis stands
// for what is left out.
std::string ShortenedMiddle(std::string_view text, size_t max_columns);

}  // namespace synergy
