#include "daemon/clocks/fan.h"

#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {

absl::StatusOr<Fan> ReadFan(AttributeFiles& files, const std::string& sysfs_root,
                            const FanPaths& paths) {
  for (const std::string& target : paths.targets) {
    const std::string path = ExpandStar(files, fmt::format("{}/{}", sysfs_root, target));
    const absl::StatusOr<std::string> text = files.Read(path);
    if (absl::IsNotFound(text.status())) continue;
    if (!text.ok()) return text.status();
    const absl::StatusOr<int64_t> value = ParseSysfsInteger(*text, path);
    if (!value.ok()) return value.status();
    const double percent = 100.0 * static_cast<double>(*value) / static_cast<double>(paths.full);
    return Fan{.target = path, .full = paths.full, .percent = percent};
  }
  return absl::NotFoundError(fmt::format("no fan is at {}", fmt::join(paths.targets, " or at ")));
}

std::vector<Setting> PlanFan(AttributeFiles& files, const Fan& fan, uint32_t percent) {
  const std::string folder = fan.target.substr(0, fan.target.rfind('/'));
  const std::pair<std::string, std::string> switches[] = {{fan.target + "_enable", "1"},
                                                          {folder + "/temp_control", "0"}};
  std::vector<Setting> plan;
  for (const auto& [path, by_hand] : switches) {
    const absl::StatusOr<std::string> now = files.Read(path);
    if (now.ok() && *now != by_hand) plan.push_back({.path = path, .value = by_hand});
  }
  const uint32_t value = (percent * fan.full + 50) / 100;
  // By a switch the kernel set it until now, and will again.
  const bool kernels = !plan.empty();
  plan.push_back({.path = fan.target, .value = fmt::format("{}", value), .momentary = kernels});
  return plan;
}

}  // namespace synergy
