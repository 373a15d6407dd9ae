#include "daemon/power/hwmon_power_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "common/sysfs.h"
#include "daemon/power/board_profile.h"

namespace synergy {
namespace {

struct Kind {
  std::string_view prefix;
  std::string_view suffix;
  v1::ChannelInfo::Quantity quantity;
  double scale;  // SI units per step of the attribute
};
constexpr Kind kPower{"power", "_input", v1::ChannelInfo::QUANTITY_POWER, 1e-6};
constexpr Kind kMeanPower{"power", "_average", v1::ChannelInfo::QUANTITY_POWER, 1e-6};
constexpr Kind kEnergy{"energy", "_input", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER, 1e-6};
constexpr Kind kCurrent{"curr", "_input", v1::ChannelInfo::QUANTITY_CURRENT, 1e-3};
constexpr Kind kVoltage{"in", "_input", v1::ChannelInfo::QUANTITY_VOLTAGE, 1e-3};

// A counter per core says little and there may be hundreds (amd_energy: "Ecore000").
constexpr std::string_view kCoreCounters = "Ecore";

std::string Label(const std::string& folder, const Kind& kind, int number) {
  return ReadSysfs(fmt::format("{}/{}{}_label", folder, kind.prefix, number)).value_or("");
}

bool IsRailsOwn(const std::string& label) {
  return !label.empty() && std::isupper(static_cast<unsigned char>(label[0])) != 0;
}

std::string Rail(const HwmonDevice& device, const Kind& kind, int number, RailNames& names) {
  const std::string label = Label(device.folder, kind, number);
  if (IsRailsOwn(label)) return names.Take(label);
  return names.Take(fmt::format("{} {}", device.Name(),
                                label.empty() ? fmt::format("{}{}", kind.prefix, number) : label));
}

v1::Window WindowOf(const std::string& folder) {
  v1::Window window;
  const int64_t interval_ms = ReadSysfsInteger(folder + "/update_interval").value_or(0);
  if (interval_ms < 1) return window;
  const double seconds = 1e-3 * static_cast<double>(interval_ms);
  window.set_slot_s(seconds);
  window.set_period_s(seconds);
  // The chip's oscillator (10 % of the INA2xx), or the rounding to milliseconds.
  window.set_period_tolerance(std::max(0.1, 0.5 / static_cast<double>(interval_ms)));
  window.set_average(1);
  return window;
}

// Of the INA226 (TI, SBOS547): 0.1 % of the shunt's and of the bus voltage at most, and the shunt.
// 0 for others: not known.
double GainTolerance(const std::string& chip, const Kind& kind) {
  constexpr double kVoltageGain = 0.001;
  if (chip != "ina226") return 0;
  switch (kind.quantity) {
    case v1::ChannelInfo::QUANTITY_VOLTAGE:
      return kVoltageGain;
    case v1::ChannelInfo::QUANTITY_CURRENT:
      return kVoltageGain + kShuntTolerance;
    case v1::ChannelInfo::QUANTITY_POWER:
      return 2 * kVoltageGain + kShuntTolerance;
    default:
      return 0;
  }
}

AttributeSource::Channel ChannelOf(const Kind& kind, int number, const std::string& rail,
                                   const v1::Window& window, const std::string& chip) {
  AttributeSource::Channel channel;
  channel.info.set_gain_tolerance(GainTolerance(chip, kind));
  channel.file = fmt::format("{}{}{}", kind.prefix, number, kind.suffix);
  channel.info.set_rail(rail);
  channel.info.set_quantity(kind.quantity);
  channel.info.set_scale(kind.scale);
  channel.info.set_source(channel.file);
  *channel.info.mutable_window() = window;
  if (kind.quantity == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) channel.counter_range_uj = 0;
  return channel;
}

// The number of the voltage of a current.
std::optional<int> VoltageOf(const std::string& folder, int current) {
  const std::string label = Label(folder, kCurrent, current);
  const std::vector<int> voltages = AttributeNumbers(folder, kVoltage.prefix, kVoltage.suffix);
  for (const int voltage : voltages) {
    const std::string other = Label(folder, kVoltage, voltage);
    if (label.empty() && other.empty() && voltage == current) return voltage;
    if (label.empty() || other.empty()) continue;
    if (label == other || (label.substr(1) == other.substr(1) && other[0] == 'v')) return voltage;
  }
  return std::nullopt;
}

// The numbers of a kind that are worth a channel.
std::vector<int> Numbers(const std::string& folder, const Kind& kind) {
  std::vector<int> numbers = AttributeNumbers(folder, kind.prefix, kind.suffix);
  std::erase_if(numbers, [&](int number) {
    return kind.quantity == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER &&
           Label(folder, kind, number).starts_with(kCoreCounters);
  });
  return numbers;
}

using Pair = std::pair<int, int>;  // current, voltage
std::vector<Pair> Pairs(const std::string& folder) {
  std::vector<Pair> pairs;
  for (const int current : AttributeNumbers(folder, kCurrent.prefix, kCurrent.suffix)) {
    if (const auto voltage = VoltageOf(folder, current)) pairs.emplace_back(current, *voltage);
  }
  return pairs;
}

std::vector<AttributeSource::Channel> ListChannels(const HwmonDevice& device, RailNames& names) {
  const v1::Window window = WindowOf(device.folder);
  std::vector<AttributeSource::Channel> channels;
  const std::vector<int> power = Numbers(device.folder, kPower);
  for (const Kind& kind : {kPower, kMeanPower, kEnergy}) {
    for (const int number : Numbers(device.folder, kind)) {
      const bool again =
          kind.suffix == kMeanPower.suffix && std::ranges::find(power, number) != power.end();
      if (again) continue;
      channels.push_back(
          ChannelOf(kind, number, Rail(device, kind, number, names), window, device.chip));
    }
  }
  if (!channels.empty()) return channels;
  for (const auto& [current, voltage] : Pairs(device.folder)) {
    const std::string rail = Rail(device, kCurrent, current, names);
    channels.push_back(ChannelOf(kCurrent, current, rail, window, device.chip));
    channels.push_back(ChannelOf(kVoltage, voltage, rail, window, device.chip));
  }
  return channels;
}

}  // namespace

bool HasHwmonPower(const HwmonDevice& device) {
  if (device.chip == "ina3221" || device.device.find("/power_supply/") != std::string::npos) {
    return false;
  }
  const std::string& folder = device.folder;
  return !Numbers(folder, kPower).empty() || !Numbers(folder, kMeanPower).empty() ||
         !Numbers(folder, kEnergy).empty() || !Pairs(folder).empty();
}

absl::StatusOr<FoundSource> OpenHwmonPower(const std::string& sysfs, const HwmonDevice& device,
                                           RailNames& names, Clock& clock) {
  AttributeSource::Options options;
  options.name = device.Name();
  options.channels = ListChannels(device, names);
  // Those convert freely, and each of their registers is written once a cycle (TI, SBOS547,
  // "INA226"). Others may only be asked once an interval by their drivers.
  for (AttributeSource::Channel& channel : options.channels) {
    channel.one_conversion_a_period = device.chip.starts_with("ina2");
  }
  options.find = [sysfs, device] { return FindHwmon(sysfs, device); };
  FoundSource found;
  for (const AttributeSource::Channel& channel : options.channels) {
    if (!found.rails.empty() && found.rails.back().name() == channel.info.rail()) continue;
    found.rails.emplace_back().set_name(channel.info.rail());
  }
  auto source = AttributeSource::Open(std::move(options), clock);
  if (!source.ok()) return source.status();
  found.source = *std::move(source);
  return found;
}

}  // namespace synergy
