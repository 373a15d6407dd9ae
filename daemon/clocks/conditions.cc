#include "daemon/clocks/conditions.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "common/sysfs.h"
#include "daemon/clocks/cpu_clocks.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr double kTolerance = 0.01;

// "policy0" of ".../policy0/scaling_max_freq"; kernels before 4.3: "cpu0" of
// ".../cpu0/cpufreq/scaling_max_freq".
std::string FolderName(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const std::string name = folder.filename();
  return name == "cpufreq" ? folder.parent_path().filename().string() : name;
}

}  // namespace

Conditions::Conditions(AttributeFiles& files, const std::string& sysfs_root,
                       const std::vector<std::string>& decisive)
    : files_(files) {
  FindClocks(sysfs_root);
  FindZones(sysfs_root, decisive);
  FindThrottles(sysfs_root);
}

void Conditions::FindClocks(const std::string& root) {
  for (const auto& [name, folder] : CpuPolicyFolders(files_, root)) {
    for (const char* file : {"/cpuinfo_cur_freq", "/scaling_cur_freq"}) {
      Item item{.name = name, .path = folder + file, .scale = 1000};
      if (!Read(item).has_value()) continue;
      clocks_.push_back(std::move(item));
      break;
    }
  }
  const std::string devices = root + "/class/devfreq";
  for (const std::string& name : files_.List(devices)) {
    Item item{.name = name, .path = devices + "/" + name + "/cur_freq"};
    if (Read(item).has_value()) clocks_.push_back(std::move(item));
  }
}

void Conditions::FindZones(const std::string& root, const std::vector<std::string>& decisive) {
  const std::string folder = root + "/class/thermal";
  std::set<std::string> names;
  for (const std::string& zone : files_.List(folder)) {
    if (!zone.starts_with("thermal_zone")) continue;
    const absl::StatusOr<std::string> type = files_.Read(folder + "/" + zone + "/type");
    Item item{.name = type.value_or(zone), .path = folder + "/" + zone + "/temp"};
    item.decisive = std::ranges::find(decisive, item.name) != decisive.end();
    // What cannot be read now (a modem that is off) can later: it stays.
    if (absl::IsNotFound(files_.Read(item.path).status())) continue;
    if (!names.insert(item.name).second)
      item.name = fmt::format("{} {}", item.name, zone.substr(12));
    zones_.push_back(std::move(item));
  }
  if (std::ranges::any_of(zones_, &Item::decisive)) return;
  for (Item& zone : zones_) zone.decisive = true;
}

void Conditions::FindThrottles(const std::string& root) {
  const std::string thermal = root + "/class/thermal";
  for (const std::string& device : files_.List(thermal)) {
    if (!device.starts_with("cooling_device")) continue;
    const absl::StatusOr<std::string> type = files_.Read(thermal + "/" + device + "/type");
    // Those that lower clocks; a fan does not.
    if (!type.ok() || type->find("freq") == std::string::npos) continue;
    throttles_.push_back({.name = fmt::format("cooling {} {}", *type, device.substr(14)),
                          .path = thermal + "/" + device + "/cur_state"});
  }
  const std::string cpus = root + "/devices/system/cpu";
  for (const std::string& cpu : files_.List(cpus)) {
    for (const std::string& name : files_.List(cpus + "/" + cpu + "/thermal_throttle")) {
      if (!name.ends_with("_throttle_count")) continue;
      throttles_.push_back({.name = fmt::format("{} {}", cpu, name),
                            .path = fmt::format("{}/{}/thermal_throttle/{}", cpus, cpu, name)});
    }
  }
}

std::optional<int64_t> Conditions::Read(const Item& item) const {
  const absl::StatusOr<std::string> text = files_.Read(item.path);
  if (!text.ok()) return std::nullopt;
  const absl::StatusOr<int64_t> value = ParseSysfsInteger(*text, item.path);
  if (!value.ok() || *value > INT64_MAX / item.scale) return std::nullopt;
  return *value * item.scale;
}

void Conditions::TellChanges(std::vector<Item>& items, std::optional<int64_t> unreadable,
                             const std::function<void(const Item&)>& tell) {
  for (Item& item : items) {
    std::optional<int64_t> now = Read(item);
    if (!now.has_value()) now = unreadable;
    if (!now.has_value() || now == item.last) continue;
    item.last = now;
    tell(item);
  }
}

std::optional<v1::Conditions> Conditions::Poll(MonotonicTime now) {
  v1::Conditions changed;
  changed.set_at_ns(now.ns);
  TellChanges(clocks_, 0, [&](const Item& item) {
    v1::Conditions::Frequency& frequency = *changed.add_frequencies();
    frequency.set_clock(item.name);
    frequency.set_hz(*item.last);
  });
  TellChanges(zones_, std::nullopt, [&](const Item& item) {
    v1::Conditions::Temperature& temperature = *changed.add_temperatures();
    temperature.set_zone(item.name);
    temperature.set_millidegrees(
        static_cast<int32_t>(std::clamp<int64_t>(*item.last, INT32_MIN, INT32_MAX)));
  });
  TellChanges(throttles_, std::nullopt, [&](const Item& item) {
    v1::Conditions::Throttle& throttle = *changed.add_throttles();
    throttle.set_what(item.name);
    throttle.set_value(static_cast<uint64_t>(*item.last));
  });
  const bool any = changed.frequencies_size() + changed.temperatures_size() > 0;
  if (!any && changed.throttles().empty()) return std::nullopt;
  return changed;
}

std::vector<std::string> Conditions::ThermalZones() const {
  std::vector<std::string> names;
  for (const Item& zone : zones_) names.push_back(zone.name);
  return names;
}

std::optional<Conditions::Zone> Conditions::Hottest() const {
  std::optional<Zone> hottest;
  for (const Item& zone : zones_) {
    const std::optional<int64_t> now = zone.decisive ? Read(zone) : std::nullopt;
    if (!now.has_value()) continue;
    const double celsius = static_cast<double>(*now) * 1e-3;
    if (!hottest.has_value() || celsius > hottest->celsius) hottest = {zone.name, celsius};
  }
  return hottest;
}

FixedClocks::FixedClocks(const v1::ClockLease& lease) {
  std::map<std::string, std::pair<int64_t, int64_t>> limits;  // Hz; 0: not set
  for (const v1::ClockSetting& setting : lease.settings()) {
    const std::string& control = setting.control();
    const bool cpu =
        control.ends_with("/scaling_min_freq") || control.ends_with("/scaling_max_freq");
    const bool device = control.ends_with("/min_freq") || control.ends_with("/max_freq");
    const absl::StatusOr<int64_t> value = ParseSysfsInteger(setting.obtained(), control);
    if (!(cpu || device) || !value.ok()) continue;
    auto& [low, high] = limits[FolderName(control)];
    (control.ends_with("min_freq") ? low : high) = *value * (cpu ? 1000 : 1);
  }
  for (const auto& [clock, pair] : limits) {
    if (pair.first == pair.second && pair.first > 0) fixed_[clock].hz = pair.first;
  }
}

std::vector<v1::ClockChange> FixedClocks::Check(const v1::Conditions& now) {
  std::vector<v1::ClockChange> changes;
  for (const v1::Conditions::Frequency& frequency : now.frequencies()) {
    const auto found = fixed_.find(frequency.clock());
    if (found == fixed_.end()) continue;
    Fixed& fixed = found->second;
    const double off = std::abs(static_cast<double>(frequency.hz() - fixed.hz));
    const bool astray = off > kTolerance * static_cast<double>(fixed.hz);
    if (!astray && !fixed.astray) continue;
    fixed.astray = astray;
    v1::ClockChange& change = changes.emplace_back();
    change.set_at_ns(now.at_ns());
    change.set_clock(frequency.clock());
    change.set_fixed_hz(fixed.hz);
    change.set_seen_hz(frequency.hz());
  }
  return changes;
}

}  // namespace synergy
