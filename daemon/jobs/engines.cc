#include "daemon/jobs/engines.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "fmt/format.h"

namespace synergy {

std::vector<std::string> FindEngines(const std::string& libexec_dir) {
  std::vector<std::string> engines;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(libexec_dir, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kWorkerPrefix) || name.size() == kWorkerPrefix.size()) continue;
    if (!entry.is_regular_file(error) || access(entry.path().c_str(), X_OK) != 0) continue;
    engines.push_back(name.substr(kWorkerPrefix.size()));
  }
  std::sort(engines.begin(), engines.end());
  return engines;
}

std::string EnginePath(const std::string& libexec_dir, std::string_view engine) {
  return fmt::format("{}/{}{}", libexec_dir, kWorkerPrefix, engine);
}

}  // namespace synergy
