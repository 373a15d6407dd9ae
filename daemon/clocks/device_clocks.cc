#include "daemon/clocks/device_clocks.h"

#include <algorithm>
#include <string_view>

#include "common/sysfs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// Nothing where it is absent, no number or 0 ("does not care").
std::optional<DeviceFrequency> ReadHz(AttributeFiles& files, const std::string& path) {
  if (path.empty()) return std::nullopt;
  const absl::StatusOr<std::string> text = files.Read(path);
  const absl::StatusOr<int64_t> hz = ParseSysfsInteger(text.value_or(""), path);
  return hz.ok() && *hz > 0 ? std::optional(DeviceFrequency{*hz}) : std::nullopt;
}

DeviceClockPaths Absolute(AttributeFiles& files, const std::string& sysfs_root,
                          DeviceClockPaths paths) {
  for (std::string* path : {&paths.devfreq, &paths.rate, &paths.rate_read, &paths.state,
                            &paths.lowest, &paths.highest}) {
    if (!path->empty()) *path = ExpandStar(files, sysfs_root + "/" + *path);
  }
  return paths;
}

absl::Status ReadDevfreq(AttributeFiles& files, DeviceClock& clock) {
  const std::string& folder = clock.paths.devfreq;
  absl::StatusOr<std::string> governor = files.Read(folder + "/governor");
  if (!governor.ok()) return governor.status();
  clock.governor = *std::move(governor);
  clock.governors = ReadWords(files, folder + "/available_governors");
  for (const std::string& word : ReadWords(files, folder + "/available_frequencies")) {
    const absl::StatusOr<int64_t> hz = ParseSysfsInteger(word, folder);
    if (hz.ok()) clock.frequencies.push_back({*hz});
  }
  std::ranges::sort(clock.frequencies, {}, &DeviceFrequency::hz);
  clock.min = ReadHz(files, folder + "/min_freq");
  clock.max = ReadHz(files, folder + "/max_freq");
  clock.current = ReadHz(files, folder + "/cur_freq");
  clock.lowest = clock.frequencies.empty() ? clock.min : std::optional(clock.frequencies.front());
  clock.highest = clock.frequencies.empty() ? clock.max : std::optional(clock.frequencies.back());
  return absl::OkStatus();
}

absl::Status ReadOverride(AttributeFiles& files, DeviceClock& clock) {
  const DeviceClockPaths& paths = clock.paths;
  const absl::StatusOr<std::string> state = files.Read(paths.state);
  if (!state.ok()) return state.status();
  clock.overridden = *state != "0";
  clock.current = ReadHz(files, paths.rate_read.empty() ? paths.rate : paths.rate_read);
  clock.lowest = ReadHz(files, paths.lowest);
  clock.highest = ReadHz(files, paths.highest);
  return absl::OkStatus();
}

absl::Status NoSuchFrequency(const DeviceClock& clock, const std::string& wanted) {
  return absl::InvalidArgumentError(fmt::format("The clock {} has no {}; it has: {}", clock.name,
                                                wanted, DescribeFrequencies(clock)));
}

absl::StatusOr<DeviceFrequency> TargetOf(const DeviceClock& clock, const DeviceRequest& request) {
  if (request.speed != DeviceRequest::Speed::kFrequency) {
    const bool least = request.speed == DeviceRequest::Speed::kMin;
    const std::optional<DeviceFrequency>& end = least ? clock.lowest : clock.highest;
    if (end.has_value()) return *end;
    return NoSuchFrequency(clock, least ? "known minimum" : "known maximum");
  }
  if (clock.frequencies.empty()) {
    const DeviceFrequency wanted{request.frequency.khz * 1000};
    const bool inside = (!clock.lowest.has_value() || clock.lowest->hz <= wanted.hz) &&
                        (!clock.highest.has_value() || wanted.hz <= clock.highest->hz);
    if (inside) return wanted;
    return NoSuchFrequency(clock, FormatFrequency(request.frequency));
  }
  const auto found =
      std::ranges::find(clock.frequencies, request.frequency, &DeviceFrequency::Rounded);
  if (found != clock.frequencies.end()) return *found;
  return NoSuchFrequency(clock, FormatFrequency(request.frequency));
}

// Without an override the rate is the kernel's, and another one a moment later (NVIDIA's
// jetson_clocks shows it as CurrentFreq).
std::vector<Setting> PlanOverride(const DeviceClock& clock, const std::string& hz) {
  return {{.path = clock.paths.rate,
           .value = hz,
           .read_path = clock.paths.rate_read,
           .momentary = !clock.overridden},
          {.path = clock.paths.state, .value = "1"}};
}

std::vector<Setting> PlanDevfreq(const DeviceClock& clock, const DeviceRequest& request,
                                 DeviceFrequency target) {
  const std::string& folder = clock.paths.devfreq;
  const std::string hz = fmt::format("{}", target.hz);
  std::vector<Setting> plan;
  for (const char* name : {"/min_freq", "/max_freq", "/governor", "/userspace/set_freq"}) {
    plan.push_back({.path = folder + name});
  }
  const std::string& governs = request.governor.empty() ? clock.governor : request.governor;
  if (!request.governor.empty()) plan.push_back({.path = folder + "/governor", .value = governs});
  // Towards the target without crossing.
  const bool max_first = !clock.min.has_value() || target.hz >= clock.min->hz;
  plan.push_back({.path = folder + (max_first ? "/max_freq" : "/min_freq"), .value = hz});
  plan.push_back({.path = folder + (max_first ? "/min_freq" : "/max_freq"), .value = hz});
  return plan;
}

}  // namespace

absl::StatusOr<DeviceClock> ReadDeviceClock(AttributeFiles& files, const std::string& sysfs_root,
                                            const DeviceClockPaths& paths) {
  DeviceClock clock;
  clock.name = paths.name;
  clock.paths = Absolute(files, sysfs_root, paths);
  absl::Status read = clock.IsDevfreq() ? ReadDevfreq(files, clock) : ReadOverride(files, clock);
  if (!read.ok()) {
    return absl::Status(read.code(), fmt::format("The clock {} cannot be set: {}", paths.name,
                                                 std::string(read.message())));
  }
  return clock;
}

std::string DescribeFrequencies(const DeviceClock& clock) {
  if (!clock.frequencies.empty()) {
    std::vector<std::string> texts;
    for (const DeviceFrequency frequency : clock.frequencies) {
      texts.push_back(FormatFrequency(frequency.Rounded()));
    }
    return fmt::format("{}", fmt::join(texts, " "));
  }
  const auto end = [](const std::optional<DeviceFrequency>& frequency) {
    return frequency.has_value() ? FormatFrequency(frequency->Rounded()) : "an unknown one";
  };
  return fmt::format("any from {} to {}", end(clock.lowest), end(clock.highest));
}

absl::StatusOr<std::vector<Setting>> PlanDeviceRequest(const DeviceClock& clock,
                                                       const DeviceRequest& request) {
  const absl::StatusOr<DeviceFrequency> target = TargetOf(clock, request);
  if (!target.ok()) return target.status();
  if (!clock.IsDevfreq()) {
    if (request.governor.empty()) return PlanOverride(clock, fmt::format("{}", target->hz));
    return absl::InvalidArgumentError(
        fmt::format("The clock {} has no governors: it is set by an override", clock.name));
  }
  if (!request.governor.empty() &&
      std::ranges::find(clock.governors, request.governor) == clock.governors.end()) {
    return absl::InvalidArgumentError(fmt::format("The clock {} has no governor {}; it has: {}",
                                                  clock.name, request.governor,
                                                  fmt::join(clock.governors, " ")));
  }
  return PlanDevfreq(clock, request, *target);
}

}  // namespace synergy
