#include "daemon/jobs/engine_list.h"

#include <algorithm>
#include <utility>

#include "spdlog/spdlog.h"

namespace synergy {

EngineList::EngineList(std::vector<InstalledEngine> engines, std::string libexec_dir,
                       EngineAsker ask)
    : libexec_dir_(std::move(libexec_dir)), ask_(std::move(ask)), engines_(std::move(engines)) {}

std::vector<InstalledEngine> EngineList::For(const std::string& wanted, bool idle) {
  absl::MutexLock lock(&mutex_);
  const auto place = std::lower_bound(
      engines_.begin(), engines_.end(), wanted,
      [](const InstalledEngine& engine, const std::string& name) { return engine.name < name; });
  const bool known = place != engines_.end() && place->name == wanted;
  if (!ask_ || (known && place->unusable.empty())) return engines_;
  // The name is a client's: only what is in the folder is started.
  const std::vector<std::string> installed = FindEngines(libexec_dir_);
  if (std::find(installed.begin(), installed.end(), wanted) == installed.end()) return engines_;
  if (!idle) {  // a process that starts would be measured with the job
    std::vector<InstalledEngine> engines = engines_;
    const auto copy = engines.begin() + (place - engines_.begin());
    const std::string later = "it is asked again when no job runs";
    if (!known) {
      engines.insert(
          copy, {.name = wanted, .unusable = "it was not there when synergyd started; " + later});
    } else {
      copy->unusable += "; " + later;
    }
    return engines;
  }
  absl::StatusOr<InstalledEngine> answer = ask_(wanted);
  if (!answer.ok()) return engines_;
  if (answer->unusable.empty()) spdlog::info("the engine {} can be used now", wanted);
  if (known) {
    *place = *std::move(answer);
  } else {
    engines_.insert(place, *std::move(answer));
  }
  return engines_;
}

}  // namespace synergy
