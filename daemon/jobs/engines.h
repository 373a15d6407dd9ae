// Engines: executables named synergy-worker-<engine> in the libexec folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace synergy {

inline constexpr std::string_view kWorkerPrefix = "synergy-worker-";

// The names after the prefix, sorted; empty where the folder cannot be read.
std::vector<std::string> FindEngines(const std::string& libexec_dir);
std::string EnginePath(const std::string& libexec_dir, std::string_view engine);

}  // namespace synergy
