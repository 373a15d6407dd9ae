// Asks the engines of a folder what they are and can do, before the first job names one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/jobs/engines.h"
#include "daemon/jobs/service_users.h"

namespace synergy {

struct ProbeOptions {
  std::string launcher;  // path of synergy-launcher
  std::string libexec_dir;
  std::optional<UserIds> user = {};    // set where the daemon is root
  std::string cgroup = {};             // a folder of cgroup v2 that the engines join; "": none
  Nanoseconds patience = Seconds(10);  // for all greetings together: what one job waits for one
  int stop_fd = -1;                    // readable: give up; -1: never. Borrowed
};

// Starts all engines at once as for a job, with two empty nets, reads their greetings and kills
// them. One that crashes, hangs or is no engine of this version costs no more than the patience and
// is unusable, with the reason. By name. Called by a thread that lives for as long as this takes.
// Cancelled: `stop_fd` was readable. What an engine leaves behind is the caller's to kill
// (KillStrays, WorkerCgroup).
absl::StatusOr<std::vector<InstalledEngine>> ProbeEngines(const ProbeOptions& options,
                                                          Clock& clock);

// The same of one engine. NotFound where none of that name is installed.
absl::StatusOr<InstalledEngine> ProbeEngine(const std::string& name, const ProbeOptions& options,
                                            Clock& clock);

}  // namespace synergy
