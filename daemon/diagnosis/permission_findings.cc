#include <linux/capability.h>

#include <cstring>

#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "daemon/jobs/run_store.h"
#include "daemon/jobs/service_users.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// What synergyd uses of root's rights, besides those over files.
struct Capability {
  int bit;
  const char* name;
  const char* use;
};
constexpr Capability kUsed[] = {
    {CAP_SYS_NICE, "CAP_SYS_NICE", "real-time priority"},
    {CAP_SETUID, "CAP_SETUID", "engines by a user of their own"},
    {CAP_SETGID, "CAP_SETGID", "engines by a user of their own"},
    {CAP_KILL, "CAP_KILL", "ending engines"},
};

constexpr double kMib = 1 << 20;
constexpr uint64_t kScarceBytes = uint64_t{1} << 30;  // a large network with its runs

void FindRights(const MachineFacts& facts, Findings& findings) {
  if (!facts.root) {
    return findings.Limited(
        "synergyd does not run as root: no clocks, no chip settings, no RAPL, one user for all",
        kStartAsRoot);
  }
  std::vector<std::string> lacking;
  for (const Capability& used : kUsed) {
    if ((facts.capabilities >> used.bit & 1) != 0) continue;
    lacking.push_back(fmt::format("{} ({})", used.name, used.use));
  }
  if (lacking.empty()) return findings.Good("synergyd runs as root");
  findings.Limited(
      fmt::format("synergyd runs as root, but without {}", fmt::join(lacking, ", ")),
      "give its unit (CapabilityBoundingSet) or container (--cap-add) what is missing");
}

void FindDisk(const DiagnosisSubject& subject, const MachineFacts& facts, Findings& findings) {
  if (!facts.state_free_bytes.has_value()) {
    return findings.Limited(
        fmt::format("how much is free in {} cannot be asked", subject.state_dir), "");
  }
  const uint64_t free = *facts.state_free_bytes;
  const std::string found =
      fmt::format("{:.0f} MiB free in {}", static_cast<double>(free) / kMib, subject.state_dir);
  const std::string mend = fmt::format(
      "make room there (synergyctl fetch takes runs off the board), or synergyd --state DIR");
  if (free < RunStore::Space{}.min_free_bytes) return findings.Missing(found, mend);
  if (free < kScarceBytes) return findings.Limited(found, mend);
  findings.Good(found);
}

void FindUsersOfServices(const MachineFacts& facts, Findings& findings) {
  if (!facts.root) return;
  const absl::StatusOr<ServiceUsers> users = FindServiceUsers();
  if (!users.ok()) {
    return findings.Missing(
        std::string(users.status().message()),
        fmt::format("sudo useradd --system {}; sudo useradd --system {}", kEngineUser, kFrontUser));
  }
  const auto by = [](const char* name, const UserIds& ids) {
    return FindUser({name}).has_value() ? std::string(name) : fmt::format("number {}", ids.uid);
  };
  findings.Good(fmt::format("engines run as user {}, the network's part as {}",
                            by(kEngineUser, users->engine), by(kFrontUser, users->front)));
}

}  // namespace

void FindPermissions(const DiagnosisSubject& subject, const MachineFacts& facts,
                     v1::Diagnosis& diagnosis) {
  Findings findings("permissions", diagnosis);
  FindRights(facts, findings);
  if (facts.sysfs_read_only) {
    findings.Limited(
        fmt::format("{} is mounted read-only: clocks and chip settings stay as they are",
                    subject.sysfs),
        kRemountSysfs);
  }
  if (facts.real_time_error == 0) {
    findings.Good("real-time priority is granted");
  } else {
    findings.Limited(
        fmt::format("no real-time priority ({}): other programs can delay the sampling",
                    strerror(facts.real_time_error)),
        facts.root ? "in a container --cap-add SYS_NICE; in a cgroup v1 give it cpu.rt_runtime_us"
                   : "start synergyd as root, or LimitRTPRIO=1 in its unit (ulimit -r)");
  }
  const std::string controllers = subject.machine + "/sys/fs/cgroup/cgroup.controllers";
  if (subject.kills_by_cgroup) {
    findings.Good("engines run in a cgroup of their own");
  } else if (facts.root) {
    const bool there = ReadSysfs(controllers).ok();
    findings.Limited("engines are ended by process group: one that forks fast could leave some",
                     there
                         ? "Linux 5.14 and a writable /sys/fs/cgroup (in a container --privileged)"
                         : "boot with systemd.unified_cgroup_hierarchy=1 (cgroup v2)");
  }
  FindUsersOfServices(facts, findings);
  FindDisk(subject, facts, findings);
}

}  // namespace synergy
