#include "daemon/clocks/conditions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/sysfs.h"
#include "daemon/clocks/cpu_clocks.h"
#include "daemon/clocks/fixed_clocks.h"
#include "fmt/format.h"

namespace synergy {
namespace {

int32_t Millidegrees(int64_t read) {
  return static_cast<int32_t>(std::clamp<int64_t>(read, INT32_MIN, INT32_MAX));
}

}  // namespace

Conditions::Conditions(AttributeFiles& files, const std::string& sysfs_root,
                       const std::vector<std::string>& decisive, std::vector<WatchedClock> watched,
                       Clock& clock)
    : files_(files), watched_(std::move(watched)) {
  FindClocks(sysfs_root, clock);
  FindZones(sysfs_root, decisive);
  FindThrottles(sysfs_root);
  FindCores(sysfs_root + "/devices/system/cpu");
}

void Conditions::FindClocks(const std::string& root, Clock& clock) {
  for (const auto& [name, folder] : CpuPolicyFolders(files_, root)) {
    for (const char* file : {"/cpuinfo_cur_freq", "/scaling_cur_freq"}) {
      Item item{.name = name, .path = folder + file, .scale = 1000};
      if (!Read(item).has_value()) continue;
      item.costly = ReadTime(item, clock) > kCostlyRead;
      clocks_.push_back(std::move(item));
      break;
    }
  }
  const std::string devices = root + "/class/devfreq";
  for (const std::string& name : files_.List(devices)) {
    Item item{.name = name, .path = devices + "/" + name + "/cur_freq"};
    if (Read(item).has_value()) clocks_.push_back(std::move(item));
  }
  for (const WatchedClock& watched : watched_) {
    const bool known = std::ranges::find(clocks_, watched.name, &Item::name) != clocks_.end();
    if (!known) clocks_.push_back({.name = watched.name, .path = watched.path});
  }
}

// The least of some: whoever is preempted now and then does not make the file slow.
Nanoseconds Conditions::ReadTime(const Item& item, Clock& clock) const {
  Nanoseconds least = Seconds(1);
  for (int i = 0; i < 3; ++i) {
    const MonotonicTime begin = clock.Now();
    Read(item);
    least = std::min(least, clock.Now() - begin);
  }
  return least;
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

// Those that can be switched. An item's value is that of the file: 1 is on.
void Conditions::FindCores(const std::string& cpus) {
  for (const std::string& cpu : files_.List(cpus)) {
    Item item{.name = cpu, .path = fmt::format("{}/{}/online", cpus, cpu)};
    if (cpu.starts_with("cpu") && Read(item).has_value()) cores_.push_back(std::move(item));
  }
}

std::optional<int64_t> Conditions::Read(const Item& item) const {
  const absl::StatusOr<std::string> text = files_.Read(item.path);
  if (!text.ok()) return std::nullopt;
  const absl::StatusOr<int64_t> value = ParseSysfsInteger(*text, item.path);
  if (!value.ok() || *value > INT64_MAX / item.scale) return std::nullopt;
  return *value * item.scale;
}

void Conditions::TellChanges(std::vector<Item>& items, Unreadable unreadable,
                             const std::function<void(const Item&)>& tell) {
  for (Item& item : items) {
    if (item.costly && !all_) {
      left_out_ = true;
      continue;
    }
    const std::optional<int64_t> now = Read(item);
    if (!now && unreadable == Unreadable::kLeftOut) continue;
    if (item.told && now == item.last) continue;
    item.told = true;
    item.last = now;
    tell(item);
  }
}

void Conditions::DescribeHeat(v1::ClockState& state) const {
  for (const Item& zone : zones_) {
    const std::optional<int64_t> now = Read(zone);
    if (!now.has_value()) continue;
    v1::ThermalZoneState& temperature = *state.add_temperatures();
    temperature.set_zone(zone.name);
    temperature.set_millidegrees(Millidegrees(*now));
  }
  for (const Item& throttle : throttles_) {
    const std::optional<int64_t> now = Read(throttle);
    if (!now.has_value()) continue;
    v1::ThrottleState& described = *state.add_throttles();
    described.set_what(throttle.name);
    described.set_value(static_cast<uint64_t>(*now));
  }
}

std::optional<v1::Conditions> Conditions::Poll(MonotonicTime now, bool all) {
  all_ = all || polls_ % kCostlyPolls == 0;
  left_out_ = false;
  v1::Conditions changed;
  changed.set_at_ns(now.ns);
  TellChanges(clocks_, Unreadable::kTold, [&](const Item& item) {
    v1::Conditions::Frequency& frequency = *changed.add_frequencies();
    frequency.set_clock(item.name);
    if (item.last.has_value()) frequency.set_hz(*item.last);
  });
  TellChanges(zones_, Unreadable::kLeftOut, [&](const Item& item) {
    v1::Conditions::Temperature& temperature = *changed.add_temperatures();
    temperature.set_zone(item.name);
    temperature.set_millidegrees(Millidegrees(*item.last));
  });
  const auto add_throttle = [&](std::string what, uint64_t value) {
    v1::Conditions::Throttle& throttle = *changed.add_throttles();
    throttle.set_what(std::move(what));
    throttle.set_value(value);
  };
  TellChanges(throttles_, Unreadable::kLeftOut, [&](const Item& item) {
    add_throttle(item.name, static_cast<uint64_t>(*item.last));
  });
  TellChanges(cores_, Unreadable::kLeftOut, [&](const Item& item) {
    add_throttle(CoreOffName(item.name), *item.last == 0 ? 1 : 0);
  });
  ++polls_;
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

}  // namespace synergy
