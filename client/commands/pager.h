// Long text for people on stdout, by pages.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace synergy {

// WriteStdout; where stdout is a terminal on which the text has no room, through the shell command
// in PAGER ("less" where it is not set, none where it is empty) until that ends. One that cannot
// be run, or fails, leaves the text to the terminal.
absl::Status WritePaged(const std::string& text);

// To stdout, visible (common/display_width.h). On a terminal lines are wrapped to its width, here
// and above, and all is in ASCII where the locale is not UTF-8.
absl::Status WriteText(const std::string& text);

}  // namespace synergy
