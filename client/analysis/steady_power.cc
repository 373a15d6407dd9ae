#include "client/analysis/steady_power.h"

#include <algorithm>
#include <vector>

#include "common/attribution/mean_interval.h"
#include "common/attribution/power_integral.h"
#include "common/records/resolution.h"

namespace synergy {
namespace {

// Of the stretch, whose means are taken for independent of each other.
constexpr int kBlocks = 10;
constexpr size_t kFewestInBlock = 2;

std::vector<PowerSample> Inside(const std::vector<PowerSample>& samples, const Stretch& span) {
  const auto first = std::ranges::lower_bound(samples, span.begin_ns, {}, &PowerSample::at_ns);
  const auto end = std::ranges::upper_bound(samples, span.end_ns, {}, &PowerSample::at_ns);
  return first < end ? std::vector<PowerSample>(first, end) : std::vector<PowerSample>();
}

// Between the first and the last sample: what lies outside them is not known.
std::optional<double> MeanPower(const std::vector<PowerSample>& inside) {
  if (inside.empty() || inside.front().at_ns >= inside.back().at_ns) return std::nullopt;
  const int64_t begin_ns = inside.front().at_ns, end_ns = inside.back().at_ns;
  return PowerIntegral(inside, begin_ns).Advance(end_ns) /
         (1e-9 * static_cast<double>(end_ns - begin_ns));
}

// Of the mean, from those of blocks; nothing where a block has too few samples.
std::optional<double> HalfWidth(const std::vector<PowerSample>& samples, const Stretch& span) {
  RunningMean means;
  for (int i = 0; i < kBlocks; ++i) {
    const int64_t length = (span.end_ns - span.begin_ns) / kBlocks;
    const std::vector<PowerSample> block =
        Inside(samples, {span.begin_ns + i * length, span.begin_ns + (i + 1) * length});
    const std::optional<double> mean = MeanPower(block);
    if (block.size() < kFewestInBlock || !mean) return std::nullopt;
    means.Add(*mean);
  }
  const MeanWithInterval result = means.Result();
  return result.ci95->high - result.mean;
}

// What makes a rail's readings: its power, current or counter of energy; null: none.
const v1::ChannelInfo* ChannelOf(const v1::RunHeader& header, const std::string& rail,
                                 bool voltage) {
  for (const v1::ChannelInfo& channel : header.channels()) {
    const bool is_voltage = channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
    if (channel.rail() == rail && is_voltage == voltage) return &channel;
  }
  return nullptr;
}

// One step of the sensor; 0 where the mean does not have it (counters), or it is not known.
double StepW(const RunData& data, const std::string& rail) {
  const v1::ChannelInfo* channel = ChannelOf(*data.header(), rail, false);
  if (channel == nullptr) return 0;
  if (channel->quantity() == v1::ChannelInfo::QUANTITY_POWER) return channel->scale();
  const v1::ChannelInfo* voltage = ChannelOf(*data.header(), rail, true);
  if (channel->quantity() != v1::ChannelInfo::QUANTITY_CURRENT || voltage == nullptr) return 0;
  const auto readings = data.readings().find(voltage->channel());
  if (readings == data.readings().end() || readings->second.empty()) return 0;
  const auto volts = static_cast<double>(readings->second.front().raw) * voltage->scale();
  return channel->scale() * volts;
}

}  // namespace

SteadyPower SteadyPowerIn(const RunData& data, const RailPower& rail, const Stretch& stretch) {
  SteadyPower steady{.mean_w = MeanPower(Inside(rail.samples, stretch)),
                     .half_width_w = HalfWidth(rail.samples, stretch)};
  if (steady.half_width_w) *steady.half_width_w += StepW(data, rail.rail) / 2;
  return steady;
}

std::optional<int64_t> WindowNs(const RunData& data, const std::string& rail) {
  const v1::ChannelInfo* channel = ChannelOf(*data.header(), rail, false);
  const std::optional<double> window_s =
      channel == nullptr ? std::nullopt : WindowLength(channel->window());
  if (!window_s) return std::nullopt;
  return static_cast<int64_t>(1e9 * *window_s);
}

}  // namespace synergy
