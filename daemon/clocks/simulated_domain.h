// What a kernel makes of a clock domain's files (a policy of cpufreq, a device of devfreq), which
// hold what was last asked for: drivers/cpufreq/cpufreq.c, drivers/devfreq/devfreq.c of Linux 6.1.
// Limits are rounded into the table and clamped into each other, setspeed is rounded up and belongs
// to the governor userspace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace synergy {

struct SimulatedDomain {
  bool cpu = false;                 // kHz; else Hz
  std::vector<int64_t> table = {};  // rising; empty: there is no such domain
  std::string governor = {};
  int64_t min = 0, max = 0;
  std::optional<int64_t> setspeed = {};

  // While nothing of it is at work, and while something is.
  int64_t Idle() const;
  int64_t Busy() const;
};

bool IsSimulatedPolicy(const std::string& folder);
// Of a policy's or a devfreq device's folder.
SimulatedDomain ReadSimulatedDomain(const std::string& folder);

// The text of a domain's attribute `name`, where it is not the file's own. `current`: its frequency
// now.
std::optional<std::string> DomainText(const SimulatedDomain& domain, const std::string& name,
                                      int64_t current);
// Whether the domain in `folder` takes a value; EACCES for what only tells.
absl::Status CheckDomainWrite(const std::string& folder, const std::string& name,
                              const std::string& value);

}  // namespace synergy
