#include "common/attribution/rail_readings.h"

#include <algorithm>

#include "common/attribution/run_checks.h"

namespace synergy {
namespace {

const v1::ChannelInfo* FindChannel(const v1::RunHeader& header, const std::string& rail,
                                   v1::ChannelInfo::Quantity quantity) {
  for (const v1::ChannelInfo& channel : header.channels()) {
    if (channel.rail() == rail && channel.quantity() == quantity) return &channel;
  }
  return nullptr;
}

// Calls `use` with the readings that end within the part.
template <typename Use>
void ForEachReading(const std::vector<Reading>& readings, const RunPart& part, Use use) {
  const auto first = std::ranges::lower_bound(readings, part.context_ns, {}, &Middle);
  for (auto r = first; r != readings.end() && Middle(*r) <= part.end_ns; ++r) {
    if (r->end_ns > part.begin_ns && r->end_ns <= part.end_ns) use(*r);
  }
}

// A window that is known counts once, however often it was read.
std::vector<StepReading> StepsOf(const std::vector<Reading>& readings, bool stamps_are_window,
                                 const RunPart& part) {
  std::vector<StepReading> steps;
  const Reading* before = nullptr;
  ForEachReading(readings, part, [&](const Reading& r) {
    const bool again = stamps_are_window && before != nullptr && before->begin_ns == r.begin_ns &&
                       before->end_ns == r.end_ns;
    before = &r;
    if (again) return;
    steps.push_back({.begin_ns = static_cast<double>(r.begin_ns - part.origin_ns),
                     .end_ns = static_cast<double>(r.end_ns - part.origin_ns),
                     .steps = static_cast<double>(r.raw),
                     .freshness = r.freshness});
  });
  return steps;
}

}  // namespace

std::vector<RailReadings> ReadingsOf(const RunData& data, const RunPart& part) {
  std::vector<RailReadings> rails;
  if (data.header() == nullptr) return rails;
  const v1::RunHeader& header = *data.header();
  for (const std::string& name : RailNames(header)) {
    RailReadings& rail = rails.emplace_back();
    rail.rail = name;
    const auto* power = FindChannel(header, name, v1::ChannelInfo::QUANTITY_POWER);
    const auto* current = FindChannel(header, name, v1::ChannelInfo::QUANTITY_CURRENT);
    const auto* voltage = FindChannel(header, name, v1::ChannelInfo::QUANTITY_VOLTAGE);
    if (power != nullptr) {
      rail.channel = *power;
      rail.gain_tolerance = power->gain_tolerance();
    } else if (current != nullptr && voltage != nullptr) {
      const std::vector<Reading>& volts = data.readings().at(voltage->channel());
      if (volts.empty()) continue;
      rail.channel = *current;
      ForEachReading(volts, part, [&](const Reading& r) {
        rail.voltage.push_back({.at_ns = static_cast<double>(Middle(r) - part.origin_ns),
                                .volts = static_cast<double>(r.raw) * voltage->scale()});
      });
      const bool known = current->gain_tolerance() > 0 && voltage->gain_tolerance() > 0;
      // Bounds of the two factors, which may both be at their ends.
      rail.gain_tolerance = known ? current->gain_tolerance() + voltage->gain_tolerance() : 0;
    } else {
      continue;
    }
    rail.readings = StepsOf(data.readings().at(rail.channel.channel()),
                            rail.channel.window().stamps_are_window(), part);
  }
  return rails;
}

}  // namespace synergy
