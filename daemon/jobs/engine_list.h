// The engines that jobs can name: those that greeted when synergyd started, without those that were
// removed since, and with those that are put right later.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/jobs/engines.h"

namespace synergy {

// Starts the installed engine of that name and reads its greeting. An error: it was not asked.
using EngineAsker = std::function<absl::StatusOr<InstalledEngine>(const std::string& name)>;

// Thread-safe.
class EngineList {
 public:
  // Without `ask` nothing is ever asked again.
  EngineList(std::vector<InstalledEngine> engines, std::string libexec_dir, EngineAsker ask);

  // All of them, by name; one whose program is gone cannot be used. Starts nothing.
  std::vector<InstalledEngine> Known() ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether `wanted` is installed and was not usable when it was asked last.
  bool IsToBeAsked(const std::string& wanted) ABSL_LOCKS_EXCLUDED(mutex_);
  // All of them, by name. `wanted` is asked first where it is to be, if the machine is `idle`;
  // waits for its greeting.
  std::vector<InstalledEngine> For(const std::string& wanted, bool idle)
      ABSL_LOCKS_EXCLUDED(asking_, mutex_);

 private:
  std::vector<InstalledEngine>::iterator Find(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Looks into the folder. Whether `wanted` is to be asked.
  bool Look(const std::string& wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<InstalledEngine> Unasked(const std::string& wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string libexec_dir_;
  const EngineAsker ask_;
  absl::Mutex asking_ ABSL_ACQUIRED_BEFORE(mutex_);  // one engine is asked at a time
  absl::Mutex mutex_;
  std::vector<InstalledEngine> engines_ ABSL_GUARDED_BY(mutex_);  // by name
};

}  // namespace synergy
