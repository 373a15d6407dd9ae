#include "daemon/clocks/simulated_domain.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "common/sysfs.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/simulated_clock_tree.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string Text(const std::string& path) { return ReadSysfs(path).value_or(""); }
int64_t Number(const std::string& path) { return ParseSysfsInteger(Text(path), path).value_or(0); }

int64_t RoundUp(const std::vector<int64_t>& table, int64_t wanted) {
  const auto found = std::ranges::lower_bound(table, wanted);
  return found == table.end() ? table.back() : *found;
}
int64_t RoundDown(const std::vector<int64_t>& table, int64_t wanted) {
  const auto above = std::ranges::upper_bound(table, wanted);
  return above == table.begin() ? table.front() : *(above - 1);
}

}  // namespace

int64_t SimulatedDomain::Idle() const {
  if (governor == "performance") return max;
  if (setspeed.has_value()) return std::clamp(*setspeed, min, max);
  return min;
}

int64_t SimulatedDomain::Busy() const {
  // All others go by the load.
  const bool fixed = governor == "powersave" || setspeed.has_value();
  return fixed ? Idle() : max;
}

bool IsSimulatedPolicy(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  return folder.substr(0, slash).ends_with(fmt::format("{}/cpufreq", kSimulatedCpus)) &&
         folder.substr(slash + 1).starts_with("policy");
}

SimulatedDomain ReadSimulatedDomain(const std::string& folder) {
  SimulatedDomain domain;
  domain.cpu = IsSimulatedPolicy(folder);
  const std::string table =
      folder + (domain.cpu ? "/scaling_available_frequencies" : "/available_frequencies");
  for (const std::string& word : ReadWords(KernelFiles(), table)) {
    domain.table.push_back(ParseSysfsInteger(word, folder).value_or(0));
  }
  if (domain.table.empty()) return domain;
  std::ranges::sort(domain.table);
  const std::string prefix = folder + (domain.cpu ? "/scaling_" : "/");
  domain.governor = Text(prefix + "governor");
  domain.max = RoundDown(domain.table, Number(prefix + "max_freq"));
  domain.min = std::min(RoundUp(domain.table, Number(prefix + "min_freq")), domain.max);
  if (domain.cpu && domain.governor == "userspace") {
    domain.setspeed = RoundUp(domain.table, Number(folder + "/scaling_setspeed"));
  }
  return domain;
}

std::optional<std::string> DomainText(const SimulatedDomain& domain, const std::string& name,
                                      int64_t current) {
  if (domain.table.empty()) return std::nullopt;
  if (name == "scaling_min_freq" || name == "min_freq") return fmt::format("{}", domain.min);
  if (name == "scaling_max_freq" || name == "max_freq") return fmt::format("{}", domain.max);
  if (name == "scaling_cur_freq" || name == "cur_freq") return fmt::format("{}", current);
  if (name == "scaling_setspeed") {
    return domain.setspeed.has_value() ? fmt::format("{}", *domain.setspeed) : "<unsupported>";
  }
  return std::nullopt;
}

absl::Status CheckDomainWrite(const std::string& folder, const std::string& name,
                              const std::string& value) {
  const auto error = [&](int number) { return SysfsError("Writing", folder + "/" + name, number); };
  const SimulatedDomain domain = ReadSimulatedDomain(folder);
  if (domain.table.empty()) return error(EACCES);
  const std::string prefix = domain.cpu ? "scaling_" : "";
  if (name == prefix + "governor") {
    const std::vector<std::string> governors =
        ReadWords(KernelFiles(), fmt::format("{}/{}available_governors", folder, prefix));
    return std::ranges::find(governors, value) == governors.end() ? error(EINVAL)
                                                                  : absl::OkStatus();
  }
  const bool setspeed = name == "scaling_setspeed";
  if (!setspeed && name != prefix + "min_freq" && name != prefix + "max_freq") return error(EACCES);
  const absl::StatusOr<int64_t> number = ParseSysfsInteger(value, name);
  const bool fits = !setspeed || domain.setspeed.has_value();
  return number.ok() && *number >= 0 && fits ? absl::OkStatus() : error(EINVAL);
}

}  // namespace synergy
