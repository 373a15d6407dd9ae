// Long text for people on stdout, by pages.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace synergy {

// WriteStdout; where stdout is a terminal on which the text has no room, through the shell command
// in PAGER ("less" where it is not set, none where it is empty) until that ends. One that cannot
// be run leaves the text to the terminal.
absl::Status WritePaged(const std::string& text);

// To stdout. Here and above, on a terminal whose locale is not UTF-8, signs are in ASCII.
absl::Status WriteText(const std::string& text);

}  // namespace synergy
