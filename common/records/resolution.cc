#include "common/records/resolution.h"

#include <fmt/format.h>

#include <cmath>

namespace synergy {
namespace {

// A recursive filter new = old + (x - old) / N has followed a step to 1 % after N ln 100 steps.
const double kSettled = std::log(100.0);

}  // namespace

std::optional<double> WindowLength(const v1::Window& window) {
  if (!(window.period_s() > 0)) return std::nullopt;
  const bool placed = window.phase_known() && window.average() <= 1 && window.slot_s() > 0;
  if (placed) return window.slot_s();
  const double period_s = window.period_s() * (1 + window.period_tolerance());
  return window.average() > 1 ? window.average() * period_s : period_s;
}

std::optional<double> ShortestResolved(const v1::ChannelInfo& channel, double reads_hz) {
  const std::optional<double> window_s = WindowLength(channel.window());
  if (!window_s.has_value() || !(reads_hz > 0)) return std::nullopt;
  return *window_s * (channel.window().average() > 1 ? kSettled : 1) + 1 / reads_hz;
}

bool CanSeparate(const v1::ChannelInfo& channel) {
  const v1::Window& window = channel.window();
  if (window.stamps_are_window()) return true;
  if (!(window.period_s() > 0) || window.average() > 1) return false;
  return window.slot_s() > 0 || channel.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER;
}

std::string TimeText(double seconds) {
  return seconds < 1 ? fmt::format("{:.3g} ms", 1e3 * seconds) : fmt::format("{:.3g} s", seconds);
}

}  // namespace synergy
