#include "daemon/clocks/cpu_clocks.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

std::string CpuFolder(const std::string& sysfs_root) { return sysfs_root + "/devices/system/cpu"; }

// Reads attributes of one folder; those that are absent or make no sense are empty.
class Folder {
 public:
  Folder(AttributeFiles& files, const std::string& path) : files_(files), path_(path) {}

  std::string Text(const std::string& name) const {
    return files_.Read(path_ + "/" + name).value_or("");
  }
  std::optional<Frequency> Khz(const std::string& name) const {
    const absl::StatusOr<int64_t> khz = ParseSysfsInteger(Text(name), "");
    return khz.ok() && *khz > 0 ? std::optional(Frequency{*khz}) : std::nullopt;
  }
  std::vector<Frequency> Table(const std::string& name) const {
    std::vector<Frequency> table;
    for (const int64_t khz : Numbers(name)) table.push_back({khz});
    std::ranges::sort(table);
    return table;
  }
  std::vector<int> Cpus(const std::string& name) const {
    std::vector<int> cpus;
    for (const int64_t number : Numbers(name)) cpus.push_back(static_cast<int>(number));
    return cpus;
  }
  std::optional<bool> Flag(const std::string& name) const {
    const std::string text = Text(name);
    return text.empty() ? std::nullopt : std::optional(text != "0");
  }

 private:
  std::vector<int64_t> Numbers(const std::string& name) const {
    std::vector<int64_t> numbers;
    for (const std::string& word : ReadWords(files_, path_ + "/" + name)) {
      const absl::StatusOr<int64_t> number = ParseSysfsInteger(word, name);
      if (number.ok()) numbers.push_back(*number);
    }
    return numbers;
  }

  AttributeFiles& files_;
  const std::string path_;
};

CpuPolicy ReadPolicy(AttributeFiles& files, const std::string& folder, const std::string& name) {
  const Folder attributes(files, folder);
  CpuPolicy policy;
  policy.folder = folder;
  policy.name = name;
  policy.related_cpus = attributes.Cpus("related_cpus");
  policy.governor = attributes.Text("scaling_governor");
  policy.active = !policy.governor.empty();
  policy.driver = attributes.Text("scaling_driver");
  policy.governors = ReadWords(files, folder + "/scaling_available_governors");
  policy.frequencies = attributes.Table("scaling_available_frequencies");
  policy.boost_frequencies = attributes.Table("scaling_boost_frequencies");
  policy.lowest = attributes.Khz("cpuinfo_min_freq").value_or(Frequency{});
  policy.highest = attributes.Khz("cpuinfo_max_freq").value_or(Frequency{});
  policy.min = attributes.Khz("scaling_min_freq").value_or(Frequency{});
  policy.max = attributes.Khz("scaling_max_freq").value_or(Frequency{});
  policy.current = attributes.Khz("scaling_cur_freq");
  policy.setspeed = attributes.Khz("scaling_setspeed");
  policy.boost = attributes.Flag("boost");
  policy.affected_cpus = attributes.Cpus("affected_cpus");
  return policy;
}

// "cpu12" is 12; -1 for "cpufreq" and the like.
int CoreNumber(std::string_view name) {
  if (!name.starts_with("cpu") || name.size() == 3) return -1;
  int number = -1;
  const auto [end, error] = std::from_chars(name.data() + 3, name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : -1;
}

// Without cpufreq/policyN, each core has a folder cpufreq, and cores of one policy share it by
// links.
std::vector<CpuPolicy> ReadOldPolicies(AttributeFiles& files, const std::string& cpus) {
  std::vector<CpuPolicy> policies;
  std::set<std::string> seen;
  for (const std::string& name : files.List(cpus)) {
    if (CoreNumber(name) < 0) continue;
    const absl::StatusOr<std::string> folder =
        files.Resolve(fmt::format("{}/{}/cpufreq", cpus, name));
    if (folder.ok() && seen.insert(*folder).second) {
      policies.push_back(ReadPolicy(files, *folder, name));
    }
  }
  return policies;
}

const CpuCore* FindCore(const CpuClocks& clocks, int number) {
  const auto core = std::ranges::find(clocks.cores, number, &CpuCore::number);
  return core == clocks.cores.end() ? nullptr : &*core;
}

std::string CoreSwitch(const std::string& sysfs_root, int number) {
  return fmt::format("{}/cpu{}/online", CpuFolder(sysfs_root), number);
}

bool Wants(const CpuRequest& request, int cpu) {
  return request.cpus.empty() || std::ranges::find(request.cpus, cpu) != request.cpus.end();
}

absl::StatusOr<Frequency> TargetOf(const CpuPolicy& policy, const CpuRequest& request) {
  const std::vector<Frequency>& table = policy.frequencies;
  switch (request.speed) {
    case CpuRequest::Speed::kMin:
      return table.empty() ? policy.lowest : table.front();
    case CpuRequest::Speed::kMax:
      return table.empty() ? policy.highest : table.back();
    default:
      break;
  }
  const bool boosted = policy.boost.value_or(true) &&
                       std::ranges::find(policy.boost_frequencies, request.frequency) !=
                           policy.boost_frequencies.end();
  const bool known = table.empty()
                         ? policy.lowest <= request.frequency && request.frequency <= policy.highest
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

// What may change along with what is written: all of it comes back, too. The tunables of a governor
// go with it, and would come back with their defaults.
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

absl::Status PlanPolicy(const CpuPolicy& policy, const CpuRequest& request,
                        std::vector<Setting>& plan) {
  const absl::StatusOr<std::string> governor = GovernorOf(policy, request);
  if (!governor.ok()) return governor.status();
  const auto write = [&](const char* name, const std::string& value) {
    plan.push_back({.path = policy.folder + "/" + name, .value = value});
  };
  if (!governor->empty()) write("scaling_governor", *governor);
  if (request.speed == CpuRequest::Speed::kAsIs) return absl::OkStatus();
  const absl::StatusOr<Frequency> target = TargetOf(policy, request);
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

}  // namespace

bool CpuPolicy::HasGovernor(std::string_view governor_name) const {
  return std::ranges::find(governors, governor_name) != governors.end();
}

absl::StatusOr<CpuClocks> ReadCpuClocks(AttributeFiles& files, const std::string& sysfs_root) {
  const std::string cpus = CpuFolder(sysfs_root);
  CpuClocks clocks;
  for (const std::string& name : files.List(cpus)) {
    const int number = CoreNumber(name);
    if (number < 0) continue;
    const absl::StatusOr<std::string> on = files.Read(CoreSwitch(sysfs_root, number));
    clocks.cores.push_back({.number = number, .on = !on.ok() || *on != "0", .fixed = !on.ok()});
  }
  if (clocks.cores.empty()) {
    return absl::NotFoundError(fmt::format("{} shows no CPUs: is sysfs mounted there?", cpus));
  }
  const std::string folder = cpus + "/cpufreq";
  for (const std::string& name : files.List(folder)) {
    if (!name.starts_with("policy")) continue;
    clocks.policies.push_back(ReadPolicy(files, folder + "/" + name, name));
  }
  if (clocks.policies.empty()) clocks.policies = ReadOldPolicies(files, cpus);
  clocks.boost = Folder(files, folder).Flag("boost");
  return clocks;
}

std::string DescribeFrequencies(const CpuPolicy& policy) {
  if (policy.frequencies.empty()) {
    return fmt::format("any from {} to {}", FormatFrequency(policy.lowest),
                       FormatFrequency(policy.highest));
  }
  std::vector<std::string> texts;
  for (const Frequency frequency : policy.frequencies) texts.push_back(FormatFrequency(frequency));
  for (const Frequency frequency : policy.boost_frequencies) {
    texts.push_back(FormatFrequency(frequency) + " (boost)");
  }
  return fmt::format("{}", fmt::join(texts, " "));
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
    const bool wanted =
        std::ranges::any_of(policy.affected_cpus, [&](int cpu) { return Wants(request, cpu); });
    if (!sets_clocks || !policy.active || !wanted) continue;
    NotePolicy(files, policy, notes);
    if (absl::Status planned = PlanPolicy(policy, request, plan); !planned.ok()) return planned;
  }
  for (const CpuCore& core : clocks.cores) {
    if (!core.on || Wants(request, core.number)) continue;
    if (core.fixed) {
      return absl::FailedPreconditionError(fmt::format(
          "CPU {0} cannot be switched off (it has no file online): name it among the CPUs",
          core.number));
    }
    plan.push_back({.path = CoreSwitch(sysfs_root, core.number), .value = "0"});
  }
  notes.insert(notes.end(), std::make_move_iterator(plan.begin()),
               std::make_move_iterator(plan.end()));
  return notes;
}

absl::StatusOr<std::vector<SettingResult>> SetCpuClocks(FrequencyLease& lease,
                                                        AttributeFiles& files,
                                                        const std::string& sysfs_root,
                                                        const CpuRequest& request) {
  absl::StatusOr<CpuClocks> clocks = ReadCpuClocks(files, sysfs_root);
  if (!clocks.ok()) return clocks.status();
  absl::StatusOr<std::vector<Setting>> on = PlanCoresOn(sysfs_root, *clocks, request);
  if (!on.ok()) return on.status();
  // Refuses what can be refused before anything is written.
  absl::StatusOr<std::vector<Setting>> plan = PlanCpuRequest(files, sysfs_root, *clocks, request);
  if (!plan.ok()) return plan.status();
  std::vector<SettingResult> results;
  if (!on->empty()) {
    absl::StatusOr<std::vector<SettingResult>> switched = lease.Apply(*on);
    if (!switched.ok()) return switched.status();
    results = *std::move(switched);
    clocks = ReadCpuClocks(files, sysfs_root);
    if (!clocks.ok()) return clocks.status();
    plan = PlanCpuRequest(files, sysfs_root, *clocks, request);
    if (!plan.ok()) return plan.status();
  }
  absl::StatusOr<std::vector<SettingResult>> written = lease.Apply(*plan);
  if (!written.ok()) return written.status();
  results.insert(results.end(), std::make_move_iterator(written->begin()),
                 std::make_move_iterator(written->end()));
  return results;
}

}  // namespace synergy
