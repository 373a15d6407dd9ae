// Files that the user names on the command line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// The whole of a regular file. Errors end in kUsage and say what was wrong with it: missing, a
// folder, no right to read it, empty, or longer than `max_bytes`.
absl::StatusOr<std::string> ReadUserFile(const std::string& path, uint64_t max_bytes);

// `status` with the file named in front, ending in kUsage.
absl::Status AboutFile(const std::string& path, const absl::Status& status);

// "name.ONNX" has the suffix ".onnx".
bool HasSuffix(std::string_view path, std::string_view suffix);

// A path for what is written later; kUsage where its folder does not exist or
// cannot be written, or it is a folder itself.
absl::Status CheckOutputPath(const std::string& path);

// Removes what an earlier command left there, so that nobody takes it for this one's. Devices and
// pipes stay.
absl::Status RemoveOldOutput(const std::string& path);

}  // namespace synergy
