// What must be written to set the CPU's clocks; cpu_clocks.cc reads them.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "daemon/clocks/boost.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/cpusets.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

const CpuCore* FindCore(const CpuClocks& clocks, int number) {
  const auto core = std::ranges::find(clocks.cores, number, &CpuCore::number);
  return core == clocks.cores.end() ? nullptr : &*core;
}

std::string CoreSwitch(const std::string& sysfs_root, int number) {
  return fmt::format("{}/devices/system/cpu/cpu{}/online", sysfs_root, number);
}

bool Wants(const CpuRequest& request, int cpu) {
  return request.cpus.empty() || std::ranges::find(request.cpus, cpu) != request.cpus.end();
}

// `boosts`: clocks above the table can be had.
absl::StatusOr<Frequency> TargetOf(const CpuPolicy& policy, const CpuRequest& request,
                                   bool boosts) {
  const std::vector<Frequency>& table = policy.frequencies;
  switch (request.speed) {
    case CpuRequest::Speed::kMin:
      return table.empty() ? policy.lowest : table.front();
    case CpuRequest::Speed::kMax:
      return table.empty() ? policy.highest : table.back();
    default:
      break;
  }
  const bool boosted = boosts && std::ranges::find(policy.boost_frequencies, request.frequency) !=
                                     policy.boost_frequencies.end();
  // Without a table the highest one is known when boost has been switched on.
  const bool low_enough = request.frequency <= policy.highest || request.boost.value_or(false);
  const bool known = table.empty()
                         ? policy.lowest <= request.frequency && low_enough
                         : boosted || std::ranges::find(table, request.frequency) != table.end();
  if (known) return request.frequency;
  return absl::InvalidArgumentError(
      fmt::format("The CPU's {} ({}) has no {}; it has: {}", policy.name, policy.driver,
                  FormatFrequency(request.frequency), DescribeFrequencies(policy)));
}

// "" where it stays.
absl::StatusOr<std::string> GovernorOf(const CpuPolicy& policy, const CpuRequest& request) {
  if (!request.governor.empty()) {
    if (policy.HasGovernor(request.governor)) return request.governor;
    return absl::InvalidArgumentError(
        fmt::format("The CPU's {} ({}) has no governor {}; it has: {}", policy.name, policy.driver,
                    request.governor, fmt::join(policy.governors, " ")));
  }
  // Between equal limits every governor gives the same clock; this one does nothing meanwhile.
  const bool fixed = request.speed != CpuRequest::Speed::kAsIs;
  return fixed && policy.HasGovernor("performance") ? "performance" : "";
}

absl::Status PlanPolicy(const CpuPolicy& policy, const CpuRequest& request, bool boosts,
                        std::vector<Setting>& plan) {
  const absl::StatusOr<std::string> governor = GovernorOf(policy, request);
  if (!governor.ok()) return governor.status();
  const auto write = [&](const char* name, const std::string& value) {
    plan.push_back({.path = policy.folder + "/" + name, .value = value});
  };
  if (!governor->empty()) write("scaling_governor", *governor);
  if (request.speed == CpuRequest::Speed::kAsIs) return absl::OkStatus();
  const absl::StatusOr<Frequency> target = TargetOf(policy, request, boosts);
  if (!target.ok()) return target.status();
  const std::string khz = fmt::format("{}", target->khz);
  // The limits move towards the target from where they are without crossing.
  const bool max_first = *target >= policy.min;
  write(max_first ? "scaling_max_freq" : "scaling_min_freq", khz);
  write(max_first ? "scaling_min_freq" : "scaling_max_freq", khz);
  const std::string& governs = governor->empty() ? policy.governor : *governor;
  if (governs == "userspace") write("scaling_setspeed", khz);
  return absl::OkStatus();
}

std::vector<const CpuCore*> CoresThatGoOff(const CpuClocks& clocks, const CpuRequest& request) {
  std::vector<const CpuCore*> off;
  for (const CpuCore& core : clocks.cores) {
    if (core.on && !Wants(request, core.number)) off.push_back(&core);
  }
  return off;
}

}  // namespace

void NotePolicy(AttributeFiles& files, const CpuPolicy& policy, std::vector<Setting>& plan) {
  for (const char* name : {"scaling_min_freq", "scaling_max_freq", "scaling_governor",
                           "scaling_setspeed", "energy_performance_preference", "boost"}) {
    plan.push_back({.path = policy.folder + "/" + name});
  }
  const std::string parent = policy.folder.substr(0, policy.folder.rfind('/'));
  for (const std::string& tunables :
       {policy.folder + "/" + policy.governor, parent + "/" + policy.governor}) {
    for (const std::string& name : files.List(tunables)) {
      plan.push_back({.path = tunables + "/" + name});
    }
  }
}

absl::StatusOr<std::vector<Setting>> PlanCoresOn(const std::string& sysfs_root,
                                                 const CpuClocks& clocks,
                                                 const CpuRequest& request) {
  std::vector<Setting> plan;
  for (const int cpu : request.cpus) {
    const CpuCore* const core = FindCore(clocks, cpu);
    if (core == nullptr) {
      return absl::InvalidArgumentError(fmt::format("There is no CPU {}: there are {} to {}", cpu,
                                                    clocks.cores.front().number,
                                                    clocks.cores.back().number));
    }
    if (!core->on) plan.push_back({.path = CoreSwitch(sysfs_root, cpu), .value = "1"});
  }
  return plan;
}

absl::StatusOr<std::vector<Setting>> PlanCpuRequest(AttributeFiles& files,
                                                    const std::string& sysfs_root,
                                                    const CpuClocks& clocks,
                                                    const CpuRequest& request) {
  const bool sets_clocks = request.speed != CpuRequest::Speed::kAsIs || !request.governor.empty();
  if (sets_clocks && clocks.policies.empty()) {
    return absl::FailedPreconditionError(
        "This kernel cannot set the CPU's clocks: it has no cpufreq driver for them "
        "(devices/system/cpu/cpufreq has no policy)");
  }
  std::vector<Setting> notes;
  std::vector<Setting> plan;
  for (const CpuPolicy& policy : clocks.policies) {
    if (!policy.active) continue;
    const bool wanted =
        std::ranges::any_of(policy.affected_cpus, [&](int cpu) { return Wants(request, cpu); });
    // A policy that loses its last core loses its governor, with its tunables and its setspeed
    // (cpufreq_offline and cpufreq_exit_governor of drivers/cpufreq/cpufreq.c).
    if (sets_clocks || !wanted) NotePolicy(files, policy, notes);
    if (!sets_clocks || !wanted) continue;
    const bool boosts = request.boost.value_or(policy.boost.value_or(clocks.boost.value_or(true)));
    const absl::Status planned = PlanPolicy(policy, request, boosts, plan);
    if (!planned.ok()) return planned;
  }
  const std::vector<const CpuCore*> off = CoresThatGoOff(clocks, request);
  if (!off.empty()) NoteCpusets(files, sysfs_root, notes);
  for (const CpuCore* const core : off) {
    if (core->fixed) {
      return absl::FailedPreconditionError(fmt::format(
          "CPU {0} cannot be switched off (it has no file online): name it among the CPUs",
          core->number));
    }
    plan.push_back({.path = CoreSwitch(sysfs_root, core->number), .value = "0"});
  }
  notes.insert(notes.end(), std::make_move_iterator(plan.begin()),
               std::make_move_iterator(plan.end()));
  return notes;
}

std::vector<std::string> CpuRequestNotes(AttributeFiles& files, const std::string& sysfs_root,
                                         const CpuClocks& clocks, const CpuRequest& request) {
  std::vector<int> off;
  for (const CpuCore* const core : CoresThatGoOff(clocks, request)) off.push_back(core->number);
  return CpusetNotes(files, sysfs_root, off);
}

absl::Status CheckCpuRequest(AttributeFiles& files, const std::string& sysfs_root,
                             const CpuClocks& clocks, const CpuRequest& request) {
  absl::Status possible = PlanCoresOn(sysfs_root, clocks, request).status();
  if (possible.ok() && request.boost.has_value()) {
    possible = PlanBoost(files, sysfs_root, clocks, *request.boost).status();
  }
  if (!possible.ok()) return possible;
  return PlanCpuRequest(files, sysfs_root, clocks, request).status();
}

absl::StatusOr<std::vector<SettingResult>> SetCpuClocks(FrequencyLease& lease,
                                                        AttributeFiles& files,
                                                        const std::string& sysfs_root,
                                                        const CpuRequest& request) {
  std::vector<SettingResult> results;
  absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(files, sysfs_root);
  if (!clocks.ok()) return clocks.status();
  const absl::Status possible = CheckCpuRequest(files, sysfs_root, *clocks, request);
  if (!possible.ok()) return possible;
  // Cores and boost change what there is to plan with: each is written, and all is read again.
  const auto write = [&](const absl::StatusOr<std::vector<Setting>>& plan) -> absl::Status {
    if (!plan.ok() || plan->empty()) return plan.status();
    absl::StatusOr<std::vector<SettingResult>> written = lease.Apply(*plan);
    if (!written.ok()) return written.status();
    results.insert(results.end(), std::make_move_iterator(written->begin()),
                   std::make_move_iterator(written->end()));
    clocks = ReadCpuClocks(files, sysfs_root);
    return clocks.status();
  };
  absl::Status status = write(PlanCoresOn(sysfs_root, *clocks, request));
  CpuRequest rest = request;
  if (status.ok() && request.boost.has_value()) {
    status = write(PlanBoost(files, sysfs_root, *clocks, *request.boost));
    rest.boost.reset();
  }
  if (status.ok()) status = write(PlanCpuRequest(files, sysfs_root, *clocks, rest));
  if (!status.ok()) return status;
  return results;
}

}  // namespace synergy
