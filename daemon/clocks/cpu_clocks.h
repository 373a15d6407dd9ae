// The CPU's clocks as cpufreq shows them, and what must be written to set them. Only reads: the
// lease writes (Documentation/admin-guide/pm/cpufreq.rst; core-api/cpu_hotplug.rst).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/frequency.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/frequency_lease.h"

namespace synergy {

// A clock domain: cores that share one clock.
struct CpuPolicy {
  std::string folder;  // ".../cpufreq/policy0"; kernels before 4.3: ".../cpu0/cpufreq"
  std::string name;    // "policy0", "cpu0"
  bool active = true;  // false: none of its cores is on, and all below but related_cpus is unset
  std::string driver;
  std::string governor;
  std::vector<std::string> governors;  // that it can have; "interactive" (L4T) is one like others
  std::vector<Frequency> frequencies;  // rising; empty: any from `lowest` to `highest`
  std::vector<Frequency> boost_frequencies;
  Frequency lowest, highest;                     // that the hardware can
  Frequency min, max;                            // limits now
  std::optional<Frequency> current;              // nothing: the driver does not say
  std::optional<Frequency> setspeed;             // nothing: the governor is not userspace
  std::optional<bool> boost;                     // of this policy
  std::vector<int> related_cpus, affected_cpus;  // all of its cores; those that are on

  bool HasGovernor(std::string_view governor_name) const;
};

// Name and folder of each policy, in the order of their first cores.
std::vector<std::pair<std::string, std::string>> CpuPolicyFolders(AttributeFiles& files,
                                                                  const std::string& sysfs_root);

struct CpuCore {
  int number = 0;
  bool on = true;
  bool fixed = false;  // cannot be switched (the boot CPU)
};

struct CpuClocks {
  std::vector<CpuPolicy> policies;  // by the number of their first core; empty: there is no cpufreq
  std::vector<CpuCore> cores;
  std::optional<bool> boost;  // of all policies
};

// NotFound where the sysfs has no CPUs.
absl::StatusOr<CpuClocks> ReadCpuClocks(AttributeFiles& files, const std::string& sysfs_root);

// "102MHz 204MHz ...", or "any from 400MHz to 3400MHz".
std::string DescribeFrequencies(const CpuPolicy& policy);

struct CpuRequest {
  enum class Speed { kAsIs, kFrequency, kMin, kMax };
  Speed speed = Speed::kAsIs;
  Frequency frequency = {};  // kFrequency
  std::string governor =
      {};  // "": as it is; a fixed frequency takes "performance" where there is one
  std::vector<int> cpus = {};      // the cores that are on; empty: as they are
  std::optional<bool> boost = {};  // nothing: as it is

  bool Empty() const {
    return speed == Speed::kAsIs && governor.empty() && cpus.empty() && !boost.has_value();
  }
};

// What may change along with what is written to a policy: all of it comes back, too. The tunables
// of a governor go with it, and would come back with their defaults.
void NotePolicy(AttributeFiles& files, const CpuPolicy& policy, std::vector<Setting>& plan);

// The writes that switch on the cores which `request` wants and that are off: first of all, since a
// policy without a core can neither be read nor set. InvalidArgument: there is no such core.
absl::StatusOr<std::vector<Setting>> PlanCoresOn(const std::string& sysfs_root,
                                                 const CpuClocks& clocks,
                                                 const CpuRequest& request);
// All else, in an order that keeps min <= max at every step, after notes of all that may change
// along; for the policies of the cores that stay on. InvalidArgument with what there is, where a
// frequency or a governor is unknown; FailedPrecondition where this machine cannot do that at all.
absl::StatusOr<std::vector<Setting>> PlanCpuRequest(AttributeFiles& files,
                                                    const std::string& sysfs_root,
                                                    const CpuClocks& clocks,
                                                    const CpuRequest& request);

// Whether all of `request` can be planned now; the errors are those of the plans and of PlanBoost
// (boost.h).
absl::Status CheckCpuRequest(AttributeFiles& files, const std::string& sysfs_root,
                             const CpuClocks& clocks, const CpuRequest& request);

// What else `request` does to the board, a line each, for people (ClockLease.notes).
std::vector<std::string> CpuRequestNotes(AttributeFiles& files, const std::string& sysfs_root,
                                         const CpuClocks& clocks, const CpuRequest& request);

// Cores, boost, then all else, under `lease`: what was asked for and what came of it. On an error,
// what was already written stays until the lease ends.
absl::StatusOr<std::vector<SettingResult>> SetCpuClocks(FrequencyLease& lease,
                                                        AttributeFiles& files,
                                                        const std::string& sysfs_root,
                                                        const CpuRequest& request);

}  // namespace synergy
