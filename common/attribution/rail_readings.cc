#include "common/attribution/rail_readings.h"

#include <algorithm>

#include "common/attribution/counter_updates.h"
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

// The differences of a counter of energy as readings of power whose windows are known, in steps of
// one count in a nominal period. None where its updates cannot be placed.
void TakeCounter(const v1::ChannelInfo& energy, const std::vector<Reading>& counts,
                 const RunPart& part, RailReadings* rail) {
  rail->channel = energy;
  rail->gain_tolerance = energy.gain_tolerance();
  v1::Window& window = *rail->channel.mutable_window();
  const double period_s = window.period_s();
  if (!(period_s > 0) || window.average() > 1) return;
  // The readings before the part say what its first ones follow.
  const auto first = std::ranges::lower_bound(counts, part.context_ns, {}, &Middle);
  const auto last = std::ranges::upper_bound(first, counts.end(), part.end_ns, {}, &Middle);
  const CounterWindows found =
      WindowsOfCounter({first, last}, 1e9 * period_s, window.period_tolerance());
  rail->channel.set_quantity(v1::ChannelInfo::QUANTITY_POWER);
  rail->channel.set_scale(energy.scale() / period_s);
  rail->channel.set_noise_steps(0);
  window.set_stamps_are_window(true);
  window.set_edge_sd_s(1e-9 * found.sd_ns);
  const auto origin = static_cast<double>(part.origin_ns);
  for (const CounterWindow& w : found.windows) {
    if (w.end_ns <= static_cast<double>(part.begin_ns)) continue;
    rail->readings.push_back({.begin_ns = w.begin_ns - origin,
                              .end_ns = w.end_ns - origin,
                              .steps = w.counts * 1e9 * period_s / (w.end_ns - w.begin_ns),
                              .freshness = Freshness::kFresh});
  }
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
    const auto* energy = FindChannel(header, name, v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
    if (power == nullptr && energy != nullptr) {
      TakeCounter(*energy, data.readings().at(energy->channel()), part, &rail);
      continue;
    }
    if (power != nullptr) {
      rail.channel = *power;
      rail.gain_tolerance = power->gain_tolerance();
    } else if (current != nullptr && voltage != nullptr) {
      const std::vector<Reading>& volts = data.readings().at(voltage->channel());
      if (volts.empty()) continue;
      rail.channel = *current;
      ForEachReading(volts, part, [&](const Reading& r) {
        rail.voltage.push_back({.begin_ns = static_cast<double>(r.begin_ns - part.origin_ns),
                                .end_ns = static_cast<double>(r.end_ns - part.origin_ns),
                                .steps = static_cast<double>(r.raw)});
      });
      rail.voltage_channel = *voltage;
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
