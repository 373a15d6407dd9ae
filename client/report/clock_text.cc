#include "client/report/clock_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "client/report/text_table.h"
#include "common/clock_request.h"
#include "common/frequency.h"

namespace synergy {
namespace {

constexpr int64_t kHzPerKhz = 1000;

std::string Khz(int64_t khz) { return khz > 0 ? FormatFrequency({khz}) : "unknown"; }
std::string Hz(int64_t hz) { return Khz((hz + kHzPerKhz / 2) / kHzPerKhz); }

// A domain's present state, on one line.
std::string Present(const std::string& current, const std::string& min, const std::string& max,
                    const std::string& governor) {
  return fmt::format("{} now, limits {} to {}, governor {}", current, min, max,
                     governor.empty() ? "none" : Printable(governor));
}

template <typename Names>
std::string Governors(const Names& governors) {
  if (governors.empty()) return "";
  return fmt::format("           governors    {}\n",
                     Printable(fmt::format("{}", fmt::join(governors, " "))));
}

std::string Frequencies(const std::vector<std::string>& table, const std::string& lowest,
                        const std::string& highest) {
  return fmt::format("           frequencies  {}\n",
                     table.empty() ? fmt::format("any from {} to {}", lowest, highest)
                                   : fmt::format("{}", fmt::join(table, " ")));
}

std::string PolicyText(const v1::CpuPolicyState& policy) {
  std::string text =
      fmt::format("  {:<8} CPU{} {}", Printable(policy.name()), policy.cpus_size() == 1 ? "" : "s",
                  FormatCpuList({policy.cpus().begin(), policy.cpus().end()}));
  if (!policy.active()) return text + ": off\n";
  text += fmt::format(": {}\n", Present(Khz(policy.current_khz()), Khz(policy.min_khz()),
                                        Khz(policy.max_khz()), policy.governor()));
  std::vector<std::string> table;
  for (const int64_t khz : policy.frequencies_khz()) table.push_back(Khz(khz));
  for (const int64_t khz : policy.boost_frequencies_khz()) table.push_back(Khz(khz) + " (boost)");
  text += Frequencies(table, Khz(policy.lowest_khz()), Khz(policy.highest_khz()));
  return text + Governors(policy.governors());
}

std::string DeviceText(const v1::DeviceClockState& device) {
  // An override in debugfs has neither limits nor a governor.
  const bool limited = device.min_hz() > 0 || !device.governor().empty();
  std::string text = fmt::format("  {:<8} {}\n", Printable(device.name()),
                                 limited ? Present(Hz(device.current_hz()), Hz(device.min_hz()),
                                                   Hz(device.max_hz()), device.governor())
                                         : Hz(device.current_hz()) + " now");
  std::vector<std::string> table;
  for (const int64_t hz : device.frequencies_hz()) table.push_back(Hz(hz));
  text += Frequencies(table, Hz(device.lowest_hz()), Hz(device.highest_hz()));
  return text + Governors(device.governors());
}

std::string CoresText(const v1::ClockState& state) {
  std::vector<uint32_t> on, off;
  for (const v1::CpuCoreState& core : state.cores())
    (core.on() ? on : off).push_back(core.number());
  if (on.empty()) return "";
  return fmt::format("  CPUs     on: {}{}\n", FormatCpuList(on),
                     off.empty() ? "" : fmt::format("; off: {}", FormatCpuList(off)));
}

std::string TemperatureText(const v1::ClockState& state) {
  std::vector<std::string> zones;
  for (const v1::ThermalZoneState& zone : state.temperatures()) {
    zones.push_back(fmt::format("{} {:.1f} C", Printable(zone.zone()), 1e-3 * zone.millidegrees()));
  }
  return zones.empty() ? "" : fmt::format("  warmth   {}\n", fmt::join(zones, ", "));
}

// What is above 0; cores that are off have a line of their own.
std::string ThrottleText(const v1::ClockState& state) {
  std::vector<std::string> items;
  for (const v1::ThrottleState& throttle : state.throttles()) {
    const std::string& what = throttle.what();
    if (throttle.value() == 0 || (what.starts_with("cpu") && what.ends_with(" off"))) continue;
    items.push_back(fmt::format("{} {}", Printable(what), throttle.value()));
  }
  return items.empty() ? "" : fmt::format("  throttle {}\n", fmt::join(items, ", "));
}

std::string LeaseText(const v1::ClockState& state) {
  if (!state.has_lease()) return "  lease    nobody holds the clocks\n";
  const v1::ClockLease& lease = state.lease();
  std::string text = fmt::format("  lease    {} holds them: {}\n", Printable(lease.holder()),
                                 Printable(DescribeClockRequest(lease.asked())));
  for (const std::string& line : DescribeDifferences(lease)) {
    text += fmt::format("           {}\n", Printable(line));
  }
  for (const std::string& line : lease.notes()) {
    text += fmt::format("           {}\n", Printable(line));
  }
  return text;
}

}  // namespace

std::string ClockText(const v1::ClockState& state) {
  std::string text;
  if (state.simulated()) text += fmt::format("  {}\n", kSimulatedClocks);
  for (const v1::CpuPolicyState& policy : state.policies()) text += PolicyText(policy);
  text += CoresText(state);
  if (state.has_boost()) text += fmt::format("  boost    {}\n", state.boost() ? "on" : "off");
  for (const v1::DeviceClockState& device : state.devices()) text += DeviceText(device);
  if (state.has_fan_percent()) text += fmt::format("  fan      {:.0f} %\n", state.fan_percent());
  text += TemperatureText(state) + ThrottleText(state) + LeaseText(state);
  for (const std::string& line : state.left()) {
    text += fmt::format("  left     {}\n", Printable(line));
  }
  for (const std::string& note : state.notes()) {
    text += fmt::format("  note     {}\n", Printable(note));
  }
  return text;
}

}  // namespace synergy
