#include "daemon/jobs/engine_list.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

bool ByName(const InstalledEngine& a, const InstalledEngine& b) { return a.name < b.name; }

}  // namespace

EngineList::EngineList(std::vector<InstalledEngine> engines, std::string libexec_dir,
                       EngineAsker ask)
    : libexec_dir_(std::move(libexec_dir)), ask_(std::move(ask)), engines_(std::move(engines)) {}

std::vector<InstalledEngine>::iterator EngineList::Find(const std::string& name) {
  const auto place = std::lower_bound(engines_.begin(), engines_.end(), name,
                                      [](const InstalledEngine& engine, const std::string& wanted) {
                                        return engine.name < wanted;
                                      });
  return place != engines_.end() && place->name == name ? place : engines_.end();
}

bool EngineList::Look(const std::string& wanted) {
  if (!ask_) return false;
  const std::vector<std::string> installed = FindEngines(libexec_dir_);
  const auto there = [&](const std::string& name) {
    return std::binary_search(installed.begin(), installed.end(), name);
  };
  for (InstalledEngine& engine : engines_) {
    if (!engine.unusable.empty() || there(engine.name)) continue;
    engine.unusable = fmt::format("its program was removed from {}", libexec_dir_);
    spdlog::warn("the engine {} cannot be used any more: {}", engine.name, engine.unusable);
  }
  const auto known = Find(wanted);
  // The name is a client's: only what is in the folder is started.
  return there(wanted) && (known == engines_.end() || !known->unusable.empty());
}

std::vector<InstalledEngine> EngineList::Known() {
  absl::MutexLock lock(&mutex_);
  Look("");
  return engines_;
}

bool EngineList::IsToBeAsked(const std::string& wanted) {
  absl::MutexLock lock(&mutex_);
  return Look(wanted);
}

std::vector<InstalledEngine> EngineList::Unasked(const std::string& wanted) {
  constexpr char kLater[] = "it is asked again when no job runs";
  std::vector<InstalledEngine> engines = engines_;
  if (const auto known = Find(wanted); known != engines_.end()) {
    engines[static_cast<size_t>(known - engines_.begin())].unusable += fmt::format("; {}", kLater);
    return engines;
  }
  InstalledEngine engine{
      .name = wanted,
      .unusable = fmt::format("it was not there when synergyd started; {}", kLater)};
  engines.insert(std::upper_bound(engines.begin(), engines.end(), engine, ByName),
                 std::move(engine));
  return engines;
}

std::vector<InstalledEngine> EngineList::For(const std::string& wanted, bool idle) {
  absl::MutexLock asking(&asking_);
  {
    absl::MutexLock lock(&mutex_);
    if (!Look(wanted)) return engines_;
    if (!idle) return Unasked(wanted);  // a process that starts would be measured with the job
  }
  absl::StatusOr<InstalledEngine> answer = ask_(wanted);
  absl::MutexLock lock(&mutex_);
  if (!answer.ok()) return engines_;
  if (answer->unusable.empty()) spdlog::info("the engine {} can be used now", wanted);
  if (const auto known = Find(wanted); known != engines_.end()) {
    *known = *std::move(answer);
  } else {
    engines_.insert(std::upper_bound(engines_.begin(), engines_.end(), *answer, ByName),
                    *std::move(answer));
  }
  return engines_;
}

}  // namespace synergy
