// The engines that jobs can name: those that greeted when synergyd started, and those that are put
// right later.
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

  // All of them, by name. `wanted` is asked again first, where it is installed, was not usable when
  // it was asked last, and the machine is `idle`; waits for its greeting.
  std::vector<InstalledEngine> For(const std::string& wanted, bool idle)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string libexec_dir_;
  const EngineAsker ask_;
  absl::Mutex mutex_;  // held while an engine is asked: one at a time
  std::vector<InstalledEngine> engines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
