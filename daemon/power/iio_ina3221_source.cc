#include "daemon/power/iio_ina3221_source.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/known_ina3221.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

// in_powerN_input is in mW.
constexpr double kWattsPerStep = 1e-3;
// The driver's words where the device tree has none: 64 averages of 1.1 ms conversions; none of
// 140 us.
constexpr uint16_t kContinuousWord = 0x7727;
constexpr uint16_t kTriggeredWord = 0x7003;

enum class Mode { kTriggered, kContinuous, kUnknown };

std::string_view NameOf(Mode mode) { return mode == Mode::kTriggered ? "triggered" : "continuous"; }

Mode ReadMode(const std::string& folder) {
  const absl::StatusOr<int64_t> mode = ReadSysfsInteger(folder + "/running_mode");
  if (mode.ok()) return *mode == 0 ? Mode::kTriggered : Mode::kContinuous;
  // The trigger channels are 0 in triggered mode; so is a rail that is off.
  for (size_t n = 0; n < ina3221::kChannels; ++n) {
    const auto power = ReadSysfsInteger(fmt::format("{}/in_power{}_trigger_input", folder, n));
    if (power.value_or(0) != 0) return Mode::kContinuous;
  }
  return Mode::kUnknown;
}

// A cell of the device tree, most significant byte first.
std::optional<uint32_t> ReadCell(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path, 16);
  if (!bytes.ok() || bytes->size() != 4) return std::nullopt;
  uint32_t cell = 0;
  for (const char byte : *bytes) cell = (cell << 8) | static_cast<uint8_t>(byte);
  return cell;
}

// The device's node of the device tree, as the kernel shows it since 4.1.
std::string NodeOf(const std::string& folder) {
  return fs::path(folder).parent_path().string() + "/of_node/";
}

// Of the input's node, which is below the device's.
std::optional<uint32_t> ReadInputCell(const std::string& folder, size_t index,
                                      const std::string& property) {
  const std::string node = NodeOf(folder);
  for (const std::string& name : ListSysfs(node)) {
    const std::string child = node + name + "/";
    if (ReadCell(child + "reg") == index) return ReadCell(child + property);
  }
  return std::nullopt;
}

std::string RailName(const std::string& folder, size_t index) {
  std::string rail = ReadSysfs(fmt::format("{}/rail_name_{}", folder, index)).value_or("");
  // "(null)" is what the driver prints of one that the device tree does not name.
  return rail == kNotConnected || rail == "(null)" ? "" : rail;
}

v1::Window WindowOf(const std::string& folder, Mode mode) {
  v1::Window window;
  if (mode == Mode::kUnknown) return window;
  const bool continuous = mode == Mode::kContinuous;
  const std::optional<uint32_t> word =
      ReadCell(NodeOf(folder) + (continuous ? "ti,continuous-config" : "ti,trigger-config"));
  const ina3221::Configuration config = ina3221::Decode(
      static_cast<uint16_t>(word.value_or(continuous ? kContinuousWord : kTriggeredWord)));
  const int shunt_us = ina3221::kConversionUs[config.shunt_time];
  const int both_us = shunt_us + ina3221::kConversionUs[config.bus_time];
  const int channels = config.enabled[0] + config.enabled[1] + config.enabled[2];
  window.set_slot_s(1e-6 * shunt_us);
  window.set_period_s(1e-6 * both_us * channels);
  window.set_period_tolerance(ina3221::kOscillatorTolerance);
  window.set_average(static_cast<uint32_t>(ina3221::kAverages[config.average]));
  // Triggered, a read makes the conversion that it shows.
  window.set_phase_known(!continuous);
  return window;
}

absl::Status VerifyMode(const std::string& folder, Mode mode) {
  if (mode == Mode::kUnknown || !HasAttribute(folder, "running_mode")) return absl::OkStatus();
  const Mode now = ReadMode(folder);
  if (now == mode) return absl::OkStatus();
  return absl::UnavailableError(fmt::format(
      "the driver went from {} to {} mode, so that its readings do not mean what they are taken "
      "for; fix the mode before synergyd starts: echo {} > {}/running_mode",
      NameOf(mode), NameOf(now), mode == Mode::kTriggered ? 0 : 1, folder));
}

std::vector<AttributeSource::Channel> ListChannels(const std::string& folder, Mode mode,
                                                   RailNames& names) {
  std::vector<AttributeSource::Channel> channels;
  const v1::Window window = WindowOf(folder, mode);
  for (size_t n = 0; n < ina3221::kChannels; ++n) {
    const std::string file = fmt::format("in_power{}_input", n);
    const std::string rail = RailName(folder, n);
    if (rail.empty() || !HasAttribute(folder, file)) continue;
    AttributeSource::Channel& channel = channels.emplace_back();
    channel.file = file;
    channel.info.set_rail(names.Take(rail));
    channel.info.set_quantity(v1::ChannelInfo::QUANTITY_POWER);
    channel.info.set_scale(kWattsPerStep);
    channel.info.set_source(
        fmt::format("channel {}{}", n,
                    mode == Mode::kUnknown ? "" : fmt::format(", {}", std::string(NameOf(mode)))));
    *channel.info.mutable_window() = window;
    // Of the voltage, the current and its shunt.
    channel.info.set_gain_tolerance(2 * ina3221::kGainTolerance + kShuntTolerance);
    channel.each_read_converts = mode == Mode::kTriggered;
  }
  return channels;
}

// The driver's folder below `device`: iio_device, or one of iio:deviceN.
std::string FindBelow(const std::string& device) {
  for (const std::string& name : ListSysfs(device)) {
    const std::string folder = device + "/" + name;
    if (name.starts_with("iio") && HasAttribute(folder, "rail_name_0") &&
        HasAttribute(folder, "in_power0_input")) {
      return folder;
    }
  }
  return "";
}

}  // namespace

std::vector<std::string> ListIioIna3221(const std::string& sysfs) {
  std::vector<std::string> folders;
  const std::string parent = sysfs + "/bus/i2c/devices";
  for (const std::string& device : ListSysfs(parent)) {
    const std::string folder = FindBelow(parent + "/" + device);
    if (!folder.empty()) folders.push_back(folder);
  }
  return folders;
}

std::string IioIna3221Name(const std::string& folder) {
  return fmt::format("ina3221x {}", fs::path(folder).parent_path().filename().string());
}

std::vector<IioIna3221Input> ListIioIna3221Inputs(const std::string& folder) {
  std::vector<IioIna3221Input> inputs;
  for (size_t n = 0; n < ina3221::kChannels; ++n) {
    std::string rail = RailName(folder, n);
    if (rail.empty()) continue;
    const uint32_t mohm = ReadInputCell(folder, n, "ti,shunt-resistor-mohm").value_or(0);
    inputs.push_back({.index = n,
                      .rail = std::move(rail),
                      .shunt_ohm = mohm > 0 ? std::optional(1e-3 * mohm) : std::nullopt,
                      .corrected = ReadInputCell(folder, n, "shunt-volt-offset-uv").has_value()});
  }
  return inputs;
}

absl::StatusOr<FoundSource> OpenIioIna3221(const std::string& folder, RailNames& names,
                                           Clock& clock, std::vector<std::string> remarks) {
  const std::string device = fs::path(folder).parent_path().string();
  const Mode mode = ReadMode(folder);
  AttributeSource::Options options;
  options.remarks = std::move(remarks);
  options.name = IioIna3221Name(folder);
  options.channels = ListChannels(folder, mode, names);
  if (options.channels.empty()) {
    return absl::NotFoundError(fmt::format("{}: no rail of {} has a name", options.name, folder));
  }
  options.find = [device]() -> absl::StatusOr<std::string> {
    std::string found = FindBelow(device);
    if (!found.empty()) return found;
    return absl::NotFoundError(fmt::format("the driver of {} is gone", device));
  };
  options.verify = [mode](const std::string& now) { return VerifyMode(now, mode); };
  if (mode == Mode::kUnknown) {
    options.remarks.push_back(fmt::format(
        "{}: whether the driver runs in triggered or in continuous mode cannot be told, so the "
        "windows of its readings are unknown (0.84 ms, or a low pass of about 0.42 s)",
        options.name));
  }
  FoundSource found;
  for (const AttributeSource::Channel& channel : options.channels) {
    found.rails.emplace_back().set_name(channel.info.rail());
  }
  auto source = AttributeSource::Open(std::move(options), clock);
  if (!source.ok()) return source.status();
  found.source = *std::move(source);
  return found;
}

}  // namespace synergy
