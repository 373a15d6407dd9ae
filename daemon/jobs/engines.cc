#include "daemon/jobs/engines.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/printable.h"
#include "common/worker_protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxNameBytes = 200;

}  // namespace

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

v1::EngineInfo DescribeEngine(const InstalledEngine& engine, uint32_t cpus) {
  v1::EngineInfo info;
  info.set_name(engine.name);
  info.set_version(engine.version);
  // What a job may ask for here; 0: the engine does not say.
  info.set_max_threads(std::min(engine.max_threads, cpus));
  info.set_unusable(engine.unusable);
  return info;
}

absl::Status CheckGreetingUntrusted(std::string_view engine, const v1::WorkerEvent::Hello& hello) {
  if (hello.protocol_version() < kOldestWorkerProtocolVersion ||
      hello.protocol_version() > kWorkerProtocolVersion) {
    return absl::FailedPreconditionError(fmt::format(
        "the engine {} speaks version {} of the engine protocol and this synergyd "
        "versions {} to {}: install the two from the same package",
        engine, hello.protocol_version(), kOldestWorkerProtocolVersion, kWorkerProtocolVersion));
  }
  if (hello.engine() != engine) {
    return absl::FailedPreconditionError(
        fmt::format("the executable of the engine {} says that it is {}: install it anew", engine,
                    Printable(hello.engine(), kMaxNameBytes)));
  }
  return absl::OkStatus();
}

}  // namespace synergy
