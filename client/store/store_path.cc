#include "client/store/store_path.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace synergy {

absl::StatusOr<std::string> StorePath(const std::string& given, bool create_folder) {
  if (!given.empty()) return given;
  std::filesystem::path data;
  // The base directory specification: a relative XDG_DATA_HOME does not count.
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && xdg[0] == '/') {
    data = xdg;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    data = std::filesystem::path(home) / ".local/share";
  } else {
    return absl::FailedPreconditionError(
        "cannot tell where the store is: neither XDG_DATA_HOME nor HOME is set. Name a file with "
        "--store FILE.");
  }
  const std::filesystem::path folder = data / "synergy";
  if (create_folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
      return absl::FailedPreconditionError(fmt::format(
          "cannot create the store's folder {}: {}. Make it writable, or name another file "
          "with --store FILE.",
          folder.string(), error.message()));
    }
  }
  return (folder / "synergy.db").string();
}

}  // namespace synergy
