#include "daemon/clocks/cpu_clocks.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

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
std::vector<std::pair<std::string, std::string>> OldPolicyFolders(AttributeFiles& files,
                                                                  const std::string& cpus) {
  std::vector<std::pair<std::string, std::string>> policies;
  std::set<std::string> seen;
  for (const std::string& name : files.List(cpus)) {
    if (CoreNumber(name) < 0) continue;
    const absl::StatusOr<std::string> folder =
        files.Resolve(fmt::format("{}/{}/cpufreq", cpus, name));
    if (folder.ok() && seen.insert(*folder).second) {
      policies.emplace_back(name, *folder);
    }
  }
  return policies;
}

std::string CoreSwitch(const std::string& sysfs_root, int number) {
  return fmt::format("{}/cpu{}/online", CpuFolder(sysfs_root), number);
}

}  // namespace

bool CpuPolicy::HasGovernor(std::string_view governor_name) const {
  return std::ranges::find(governors, governor_name) != governors.end();
}

std::vector<std::pair<std::string, std::string>> CpuPolicyFolders(AttributeFiles& files,
                                                                  const std::string& sysfs_root) {
  const std::string cpus = CpuFolder(sysfs_root);
  std::vector<std::pair<std::string, std::string>> policies;
  for (const std::string& name : files.List(cpus + "/cpufreq")) {
    if (name.starts_with("policy")) policies.emplace_back(name, cpus + "/cpufreq/" + name);
  }
  return policies.empty() ? OldPolicyFolders(files, cpus) : policies;
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
  for (const auto& [name, folder] : CpuPolicyFolders(files, sysfs_root)) {
    clocks.policies.push_back(ReadPolicy(files, folder, name));
  }
  clocks.boost = Folder(files, cpus + "/cpufreq").Flag("boost");
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

}  // namespace synergy
