// The clocks of a simulated board (simulated_clock_tree.h), with those manners of the kernel that a
// lease meets. SIMULATED: what is written reaches the board's model, whose power follows it, and no
// hardware; no time follows it.
//
// Each file holds what was last asked for, as the kernel remembers it; what is read is made from
// these (simulated_domain.h). A core that is off leaves its policy, and a policy without cores has
// nothing to show. So a write is one file replaced at once, and a process that is killed leaves
// none half-written. The CPU's present frequencies, the temperature, and how far the CPU is held
// back, are asked of the model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/cpu_speed.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/simulated_clock_tree.h"

namespace synergy {

// The board's model, as its files see it; each may be null. None of them calls the files.
struct SimulatedClockModel {
  // Told when the files are opened, and whenever they have changed; by policy.
  std::function<void(const std::vector<CpuSpeed>&)> set_speeds = {};
  // What a policy's clock is now. Null: nothing runs.
  std::function<int64_t(size_t policy)> cpu_khz = {};
  std::function<double()> celsius = {};
  // What the CPU is held back to; nothing: it is not throttled.
  std::function<std::optional<int64_t>()> throttled_khz = {};
};

// Thread-safe; one process at a time.
class SimulatedClocks final : public AttributeFiles {
 public:
  // Without a model the tree need not be there yet.
  explicit SimulatedClocks(std::string folder, SimulatedClockModel model = {});

  absl::StatusOr<std::string> Read(const std::string& path) override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Write(const std::string& path, const std::string& value) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::string> List(const std::string& folder) override;
  absl::StatusOr<std::string> Resolve(const std::string& path) override;

 private:
  void TellModel() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is read of a domain whose file has the text `own`.
  absl::StatusOr<std::string> ReadDomain(const std::string& folder, const std::string& name,
                                         const std::string& own)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What heat makes of an attribute; nothing: its own text stays.
  std::optional<std::string> Heated(const std::string& folder, const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckWrite(const std::string& folder, const std::string& name,
                          const std::string& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_, root_;
  const SimulatedClockModel model_;
  // Rises each time that it is read while the CPU is held back.
  int64_t throttle_count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Mutex mutex_;
};

}  // namespace synergy
