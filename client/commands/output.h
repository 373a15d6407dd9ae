// Where a command's data go: stdout or a file, whole or with an error.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace synergy {

// Everything to stdout. An error (a full disk behind a redirection) ends in kFailedCheck; a reader
// that has gone away (`synergyctl runs | head`) is no error.
absl::Status WriteStdout(std::string_view text);

// Everything to `path`, which is replaced as a whole where it is a plain file.
absl::Status WriteOutputFile(const std::string& path, std::string_view text);

// Colours on stdout: it is a terminal that knows them, and NO_COLOR (no-color.org) is not set.
bool StdoutHasColor();
bool StderrIsTerminal();

}  // namespace synergy
