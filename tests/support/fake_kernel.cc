#include "tests/support/fake_kernel.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include "common/clock_request.h"
#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// The governors of the fake, and their tunables with the values that they begin with.
const std::map<std::string, std::map<std::string, std::string>> kGovernors = {
    {"performance", {}},
    {"powersave", {}},
    {"userspace", {}},
    {"schedutil", {{"rate_limit_us", "10000"}}},
    {"ondemand", {{"up_threshold", "95"}, {"sampling_rate", "10000"}}},
    {"interactive", {{"hispeed_freq", "1224000"}}}};

const std::map<std::string, std::string> kChipFiles = {
    {"update_interval", "10"}, {"samples", "1"}, {"in1_enable", "1"}, {"in3_enable", "1"}};

bool ParseNumber(const std::string& text, int64_t* value) {
  const auto parsed = ParseSysfsInteger(text, "");
  if (parsed.ok()) *value = *parsed;
  return parsed.ok() && *parsed >= 0;
}

// Limits as cpufreq's and devfreq's requests are: what was asked for, and what is made of it.
struct Limits {
  int64_t min_request = 0;
  int64_t max_request = 0;

  // Into the table [first, last], max down and min up, and max wins.
  std::pair<int64_t, int64_t> Effective(const std::vector<int64_t>& table) const {
    const auto down = std::upper_bound(table.begin(), table.end(), max_request);
    const int64_t max = down == table.begin() ? table.front() : *(down - 1);
    const auto up = std::lower_bound(table.begin(), table.end(), min_request);
    const int64_t min = up == table.end() ? table.back() : *up;
    return {std::min(min, max), max};
  }
};

}  // namespace

struct FakeKernel::Policy {
  FakePolicySpec spec;
  std::string folder;
  Limits limits;
  std::optional<Limits> queued;  // applied when the kernel has waited until...
  Nanoseconds due = {0};
  std::string governor;
  int64_t speed = 0;  // that userspace was asked for
  std::map<std::string, std::string> tunables;
  bool boost = false;

  void StartGovernor(const std::string& name) {
    speed = Current();
    governor = name;
    tunables = kGovernors.at(name);
  }
  void Apply() {
    limits = *queued;
    queued.reset();
  }
  std::vector<int64_t> Table() const {
    std::vector<int64_t> table = spec.table;
    if (boost) table.insert(table.end(), spec.boost_table.begin(), spec.boost_table.end());
    return table;
  }
  int64_t Current() const {
    const auto [min, max] = limits.Effective(Table());
    if (governor == "performance") return max;
    if (governor != "userspace") return min;
    const std::vector<int64_t> table = Table();
    const auto up = std::lower_bound(table.begin(), table.end(), std::clamp(speed, min, max));
    return up == table.end() ? table.back() : *up;
  }
};

struct FakeKernel::Devfreq {
  FakeDevfreqSpec spec;
  std::string folder;
  Limits limits;
  std::string governor;
  int64_t speed = 0;
};

FakeKernel::FakeKernel() = default;
FakeKernel::~FakeKernel() = default;

std::string FakeKernel::PolicyFolder(int number) {
  return fmt::format("{}/cpufreq/policy{}", CpuFolder(), number);
}
std::string FakeKernel::DevfreqFolder(const std::string& name) {
  return "/sys/class/devfreq/" + name;
}
std::string FakeKernel::chip_hwmon() const {
  return fmt::format("{}/hwmon/hwmon{}", DeviceFolder(), next_hwmon_ - 1);
}

void FakeKernel::AddFile(const std::string& path, std::string value) {
  const auto text = std::make_shared<std::string>(std::move(value));
  files_[path] = {.read = [text] { return *text; },
                  .write =
                      [text](const std::string& written) {
                        *text = written;
                        return absl::OkStatus();
                      },
                  .present = nullptr};
}

void FakeKernel::AddCpuset(const std::string& folder, std::vector<uint32_t> cpus) {
  cpusets_[folder] = std::move(cpus);
  const std::string path = folder + "/cpuset.cpus";
  files_[path].read = [this, folder]() -> absl::StatusOr<std::string> {
    const std::vector<uint32_t>& now = cpusets_[folder];
    return now.empty() ? "" : FormatCpuList(now);
  };
  files_[path].write = [this, folder, path](const std::string& value) {
    const auto asked = ParseCpuList(value);
    if (!asked.ok()) return SysfsError("Writing", path, EINVAL);
    const auto above = cpusets_.find(folder.substr(0, folder.rfind('/')));
    for (const uint32_t cpu : *asked) {
      const auto core = cores_.find(static_cast<int>(cpu));
      const bool on = core != cores_.end() && core->second;
      if (!on || (above != cpusets_.end() &&
                  std::ranges::find(above->second, cpu) == above->second.end())) {
        return SysfsError("Writing", path, EINVAL);
      }
    }
    cpusets_[folder] = *asked;
    return absl::OkStatus();
  };
}

void FakeKernel::AddOverride(const std::string& folder) {
  AddFile(folder + "/mrq_rate_locked", "0");
  AddFile(folder + "/rate", "0");
  const auto written = files_[folder + "/rate"].read;
  files_[folder + "/rate"].read = [this, folder, written] {
    return *Read(folder + "/mrq_rate_locked") == "0" ? own_rate_ : *written();
  };
}

void FakeKernel::AddCore(int number, bool on, bool fixed) {
  cores_[number] = on;
  const std::string folder = fmt::format("{}/cpu{}", CpuFolder(), number);
  AddFile(folder + "/topology/core_id", fmt::format("{}", number));
  if (fixed) return;
  const std::string path = folder + "/online";
  files_[path] = {.read = [this, number]() -> absl::StatusOr<std::string> {
                    return cores_[number] ? "1" : "0";
                  },
                  .write =
                      [this, number, path](const std::string& value) {
                        if (value != "0" && value != "1")
                          return SysfsError("Writing", path, EINVAL);
                        SwitchCore(number, value == "1");
                        return absl::OkStatus();
                      },
                  .present = nullptr};
}

bool FakeKernel::AnyCoreOn(const Policy& policy) const {
  return std::ranges::any_of(policy.spec.cpus, [this](int cpu) { return cores_.at(cpu); });
}

void FakeKernel::SwitchCore(int number, bool on) {
  std::vector<Policy*> idle;
  for (const auto& policy : policies_) {
    if (!AnyCoreOn(*policy)) idle.push_back(policy.get());
  }
  cores_[number] = on;
  for (auto& [folder, cpus] : cpusets_) {
    if (!on) std::erase(cpus, static_cast<uint32_t>(number));
  }
  for (Policy* const policy : idle) {
    if (AnyCoreOn(*policy)) policy->StartGovernor(policy->governor);
  }
}

void FakeKernel::AddPolicy(FakePolicySpec spec) {
  for (const int cpu : spec.cpus) {
    if (!cores_.contains(cpu)) AddCore(cpu, true, cpu == 0);
  }
  auto policy = std::make_unique<Policy>();
  policy->folder = PolicyFolder(spec.number);
  policy->governor = spec.governor;
  policy->tunables = kGovernors.at(spec.governor);
  policy->limits = {spec.table.front(), spec.table.back()};
  policy->speed = spec.table.front();
  policy->boost = !spec.boost_table.empty();
  if (policy->boost) policy->limits.max_request = spec.boost_table.back();
  for (const int cpu : spec.cpus) {
    links_[fmt::format("{}/cpu{}/cpufreq", CpuFolder(), cpu)] = policy->folder;
  }
  policy->spec = std::move(spec);
  AddPolicyFiles(*policy);
  policies_.push_back(std::move(policy));
}

void FakeKernel::AddTunable(Policy& policy, const std::string& governor, const std::string& name) {
  Policy* const p = &policy;
  files_[fmt::format("{}/{}/{}", p->folder, governor, name)] = {
      .read = [p, name]() -> absl::StatusOr<std::string> { return p->tunables.at(name); },
      .write =
          [p, name](const std::string& value) {
            p->tunables[name] = value;
            return absl::OkStatus();
          },
      .present = [this, p, governor] { return p->governor == governor && AnyCoreOn(*p); }};
}

void FakeKernel::AddPolicyFiles(Policy& policy) {
  Policy* const p = &policy;
  const auto add = [this, p](const std::string& name, std::function<std::string()> read,
                             std::function<int(const std::string&)> write) {
    const std::string path = p->folder + "/" + name;
    File file;
    file.read = [this, p, path, read]() -> absl::StatusOr<std::string> {
      if (!AnyCoreOn(*p)) return SysfsError("Reading", path, EBUSY);
      return read();
    };
    if (write != nullptr) {
      file.write = [this, p, path, write](const std::string& value) -> absl::Status {
        if (!AnyCoreOn(*p)) return SysfsError("Writing", path, EBUSY);
        const int error = write(value);
        return error == 0 ? absl::OkStatus() : SysfsError("Writing", path, error);
      };
    }
    files_[path] = std::move(file);
  };
  const auto limit = [this, p](int64_t Limits::*request) {
    return [this, p, request](const std::string& value) {
      Limits asked = p->queued.value_or(p->limits);
      if (!ParseNumber(value, &(asked.*request))) return EINVAL;
      if (asked.min_request > asked.max_request) {
        ++crossed_;
        if (p->spec.strict) return EINVAL;
      }
      p->queued = asked;
      p->due = waited_ + p->spec.late;
      if (p->spec.late == Nanoseconds{0}) p->Apply();
      return 0;
    };
  };
  const auto number = [](int64_t value) { return fmt::format("{}", value); };
  add(
      "scaling_driver", [] { return "cpufreq-dt"; }, nullptr);
  add(
      "scaling_cur_freq", [p, number] { return number(p->Current()); }, nullptr);
  add(
      "cpuinfo_min_freq", [p, number] { return number(p->Table().front()); }, nullptr);
  add(
      "cpuinfo_max_freq", [p, number] { return number(p->Table().back()); }, nullptr);
  add(
      "related_cpus", [p] { return fmt::format("{}", fmt::join(p->spec.cpus, " ")); }, nullptr);
  add(
      "affected_cpus",
      [this, p] {
        std::vector<int> on;
        std::ranges::copy_if(p->spec.cpus, std::back_inserter(on),
                             [this](int cpu) { return cores_[cpu]; });
        return fmt::format("{}", fmt::join(on, " "));
      },
      nullptr);
  std::vector<std::string> names;
  for (const auto& [name, tunables] : kGovernors) {
    names.push_back(name);
    for (const auto& [tunable, value] : tunables) AddTunable(policy, name, tunable);
  }
  add(
      "scaling_available_governors", [names] { return fmt::format("{}", fmt::join(names, " ")); },
      nullptr);
  if (p->spec.show_table) {
    add(
        "scaling_available_frequencies",
        [p] { return fmt::format("{} ", fmt::join(p->spec.table, " ")); }, nullptr);
  }
  add(
      "scaling_min_freq", [p, number] { return number(p->limits.Effective(p->Table()).first); },
      limit(&Limits::min_request));
  add(
      "scaling_max_freq", [p, number] { return number(p->limits.Effective(p->Table()).second); },
      limit(&Limits::max_request));
  add(
      "scaling_governor", [p] { return p->governor; },
      [p](const std::string& value) {
        if (!kGovernors.contains(value)) return EINVAL;
        if (value == p->governor) return 0;
        p->StartGovernor(value);
        return 0;
      });
  add(
      "scaling_setspeed",
      [p, number] { return p->governor == "userspace" ? number(p->Current()) : "<unsupported>"; },
      [p](const std::string& value) {
        int64_t speed = 0;
        if (p->governor != "userspace" || !ParseNumber(value, &speed)) return EINVAL;
        p->speed = speed;
        return 0;
      });
  if (!p->spec.boost_table.empty()) {
    add(
        "scaling_boost_frequencies",
        [p] { return fmt::format("{} ", fmt::join(p->spec.boost_table, " ")); }, nullptr);
    add(
        "boost", [p] { return p->boost ? "1" : "0"; },
        [p](const std::string& value) {
          if (value != "0" && value != "1") return EINVAL;
          p->boost = value == "1";
          return 0;
        });
  }
}

void FakeKernel::AddGlobalBoost() {
  const std::string path = CpuFolder() + "/cpufreq/boost";
  files_[path] = {.read = [this]() -> absl::StatusOr<std::string> {
                    return policies_.front()->boost ? "1" : "0";
                  },
                  .write =
                      [this, path](const std::string& value) {
                        if (value != "0" && value != "1")
                          return SysfsError("Writing", path, EINVAL);
                        for (auto& policy : policies_) {
                          if (!policy->spec.boost_table.empty()) policy->boost = value == "1";
                        }
                        return absl::OkStatus();
                      },
                  .present = nullptr};
}

void FakeKernel::AddDevfreq(FakeDevfreqSpec spec) {
  auto device = std::make_unique<Devfreq>();
  Devfreq* const d = device.get();
  d->folder = fmt::format("/sys/devices/platform/{0}/devfreq/{0}", spec.name);
  links_[DevfreqFolder(spec.name)] = d->folder;
  d->limits = {spec.table.front(), spec.table.back()};
  d->governor = spec.governor;
  d->spec = std::move(spec);
  devfreqs_.push_back(std::move(device));
  const std::string governors = d->spec.governor == "simple_ondemand"
                                    ? "simple_ondemand userspace performance"
                                    : "simple_ondemand userspace performance " + d->spec.governor;
  const auto fixed = [this, d](const std::string& name, const std::string& text) {
    files_[d->folder + "/" + name].read = [text] { return text; };
  };
  fixed("available_governors", governors);
  fixed("available_frequencies", fmt::format("{}", fmt::join(d->spec.table, " ")));
  const auto limit = [this, d](const std::string& name, int64_t Limits::*request, bool upper) {
    const std::string path = d->folder + "/" + name;
    files_[path].read = [d, upper]() -> absl::StatusOr<std::string> {
      const auto [min, max] = d->limits.Effective(d->spec.table);
      return fmt::format("{}", upper ? max : min);
    };
    files_[path].write = [this, d, path, request](const std::string& value) -> absl::Status {
      Limits asked = d->limits;
      if (!ParseNumber(value, &(asked.*request))) return SysfsError("Writing", path, EINVAL);
      if (asked.min_request > asked.max_request) {
        ++crossed_;
        if (d->spec.strict) return SysfsError("Writing", path, EINVAL);
      }
      d->limits = asked;
      return absl::OkStatus();
    };
  };
  limit("min_freq", &Limits::min_request, false);
  limit("max_freq", &Limits::max_request, true);
  files_[d->folder + "/cur_freq"].read = [d]() -> absl::StatusOr<std::string> {
    return fmt::format("{}", d->limits.Effective(d->spec.table).first);
  };
  File& governor = files_[d->folder + "/governor"];
  governor.read = [d]() -> absl::StatusOr<std::string> { return d->governor; };
  governor.write = [d, governors](const std::string& value) {
    if ((" " + governors + " ").find(" " + value + " ") == std::string::npos) {
      return SysfsError("Writing", d->folder + "/governor", EINVAL);
    }
    d->governor = value;
    return absl::OkStatus();
  };
  File& speed = files_[d->folder + "/userspace/set_freq"];
  speed.present = [d] { return d->governor == "userspace"; };
  speed.read = [d]() -> absl::StatusOr<std::string> {
    return d->speed == 0 ? "undefined" : fmt::format("{}", d->speed);
  };
  speed.write = [d](const std::string& value) {
    return ParseNumber(value, &d->speed) ? absl::OkStatus() : SysfsError("Writing", "", EINVAL);
  };
}

void FakeKernel::BindChip() {
  chip_bound_ = true;
  const std::string folder = fmt::format("{}/hwmon/hwmon{}", DeviceFolder(), next_hwmon_++);
  for (const auto& [name, value] : kChipFiles) AddFile(folder + "/" + name, value);
  links_[fmt::format("/sys/class/hwmon/hwmon{}", next_hwmon_ - 1)] = folder;
  AddFile(fmt::format("{}/iio:device{}/running_mode", DeviceFolder(), next_hwmon_ - 1), "0");
  links_[DeviceFolder() + "/driver"] = DriverFolder();
}

void FakeKernel::AddChip() {
  AddFile(DeviceFolder() + "/name", "ina3221");
  BindChip();
  const auto control = [this](const std::string& name, bool bind) {
    const std::string path = DriverFolder() + "/" + name;
    files_[path].write = [this, path, bind](const std::string& value) {
      if (value != "1-0040" || chip_bound_ == bind) return SysfsError("Writing", path, ENODEV);
      if (bind) {
        BindChip();
      } else {
        chip_bound_ = false;
        RemoveTree(DeviceFolder() + "/hwmon/");
        RemoveTree(fmt::format("{}/iio:device{}/", DeviceFolder(), next_hwmon_ - 1));
        links_.erase(DeviceFolder() + "/driver");
        links_.erase(fmt::format("/sys/class/hwmon/hwmon{}", next_hwmon_ - 1));
      }
      return absl::OkStatus();
    };
  };
  control("bind", true);
  control("unbind", false);
}

void FakeKernel::RemoveTree(const std::string& prefix) {
  std::erase_if(files_, [&](const auto& file) { return file.first.starts_with(prefix); });
  std::erase_if(links_, [&](const auto& link) { return link.second.starts_with(prefix); });
}

void FakeKernel::Refuse(const std::string& path, absl::Status error) {
  refusals_[path] = std::move(error);
}

std::string FakeKernel::WithoutLinks(const std::string& path) const {
  for (const auto& [link, target] : links_) {
    if (path == link) return target;
    if (path.starts_with(link + "/")) return target + path.substr(link.size());
  }
  return path;
}

const FakeKernel::File* FakeKernel::Find(const std::string& path) const {
  const auto it = files_.find(WithoutLinks(path));
  if (it == files_.end()) return nullptr;
  if (it->second.present != nullptr && !it->second.present()) return nullptr;
  return &it->second;
}

absl::StatusOr<std::string> FakeKernel::Read(const std::string& path) {
  const File* const file = Find(path);
  if (file == nullptr) return SysfsError("Opening", path, ENOENT);
  if (file->read == nullptr) return SysfsError("Reading", path, EIO);  // what root gets
  return file->read();
}

absl::Status FakeKernel::Write(const std::string& path, const std::string& value) {
  const File* const file = Find(path);
  if (file == nullptr) return SysfsError("Opening", path, ENOENT);
  if (file->write == nullptr) return SysfsError("Opening", path, EACCES);
  const auto refusal = refusals_.find(WithoutLinks(path));
  if (refusal != refusals_.end() && !refusal->second.ok()) return refusal->second;
  writes_.push_back(WithoutLinks(path) + "=" + value);
  return std::function(file->write)(value);  // a copy: unbinding removes files
}

void FakeKernel::Wait(Nanoseconds time) {
  waited_ = waited_ + time;
  for (const auto& policy : policies_) {
    if (policy->queued.has_value() && policy->due <= waited_) policy->Apply();
  }
}

std::vector<std::string> FakeKernel::List(const std::string& folder) {
  const std::string prefix = WithoutLinks(folder) + "/";
  std::set<std::string> names;
  const auto take = [&](const std::string& path) {
    if (path.starts_with(prefix)) {
      names.insert(path.substr(prefix.size(), path.find('/', prefix.size()) - prefix.size()));
    }
  };
  for (const auto& [path, file] : files_) {
    if (Find(path) != nullptr) take(path);
  }
  for (const auto& [link, target] : links_) take(link);
  return {names.begin(), names.end()};
}

absl::StatusOr<std::string> FakeKernel::Resolve(const std::string& path) {
  const std::string resolved = WithoutLinks(path);
  if (Find(resolved) != nullptr || !List(resolved).empty()) return resolved;
  return SysfsError("Resolving", path, ENOENT);
}

std::map<std::string, std::string> FakeKernel::Snapshot() {
  std::map<std::string, std::string> snapshot;
  for (const auto& [path, file] : files_) {
    if (Find(path) == nullptr) continue;
    const absl::StatusOr<std::string> text = Read(path);
    // The number of a hwmon or an IIO device is not a setting.
    std::string name = path;
    for (const std::string part : {"/hwmon/hwmon", "/iio:device"}) {
      const size_t at = name.find(part);
      if (at == std::string::npos) continue;
      const size_t end = at + part.size();
      name.erase(end, name.find('/', end) - end);
    }
    snapshot[name] = text.ok() ? *text : text.status().ToString();
  }
  const auto remember = [&snapshot](const auto& clock) {
    snapshot[clock.folder + " remembers"] =
        fmt::format("{} {} {}", clock.limits.min_request, clock.limits.max_request,
                    clock.governor == "userspace" ? clock.speed : 0);
  };
  for (const auto& policy : policies_) remember(*policy);
  for (const auto& device : devfreqs_) remember(*device);
  snapshot["driver of the chip"] = chip_bound_ ? "bound" : "none";
  return snapshot;
}

}  // namespace synergy
