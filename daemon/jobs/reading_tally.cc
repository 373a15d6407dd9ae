#include "daemon/jobs/reading_tally.h"

#include <algorithm>
#include <mutex>

#include "common/records/resolution.h"
#include "fmt/format.h"

namespace synergy {
namespace {

const char* UnitOf(v1::ChannelInfo::Quantity quantity) {
  switch (quantity) {
    case v1::ChannelInfo::QUANTITY_CURRENT:
      return "A";
    case v1::ChannelInfo::QUANTITY_ENERGY_COUNTER:
      return "J";
    default:
      return "W";
  }
}

}  // namespace

ReadingTally::ReadingTally(const Sampler& sampler) : sampler_(sampler) {
  for (size_t i = 0; i < sampler.source_count(); ++i) {
    std::vector<Channel>& channels = sources_.emplace_back();
    for (const v1::ChannelInfo& info : sampler.source(i).channels()) {
      Channel& channel = channels.emplace_back();
      channel.rail = info.rail();
      channel.voltage = info.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
      channel.counter = info.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER;
      channel.scale = info.scale();
      channel.window_s = WindowLength(info.window());
      channel.separates = CanSeparate(info);
    }
  }
}

void ReadingTally::OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
  const std::lock_guard lock(mutex_);
  std::vector<Channel>& channels = sources_[source];
  for (const ChannelReading& r : readings) {
    if (r.channel >= channels.size()) continue;
    Channel& channel = channels[r.channel];
    ++channel.readings;
    channel.last_begin_ns = r.reading.begin_ns;
    if (r.reading.freshness == Freshness::kFresh) {
      ++channel.fresh;
      channel.same = channel.fresh_raw == r.reading.raw ? channel.same + 1 : 1;
      channel.most_same = std::max(channel.most_same, channel.same);
      channel.fresh_raw = r.reading.raw;
    }
    channel.repeats += r.reading.freshness == Freshness::kRepeat ? 1 : 0;
    channel.changed |= channel.first_raw.value_or(r.reading.raw) != r.reading.raw;
    if (!channel.first_raw) channel.first_raw = r.reading.raw;
  }
}

bool ReadingTally::AllReadSince(MonotonicTime since, bool voltages) const {
  for (size_t i = 0; i < sampler_.source_count(); ++i) {
    if (!sampler_.source_status(i).ok()) continue;
    const std::lock_guard lock(mutex_);
    for (const Channel& channel : sources_[i]) {
      if (channel.voltage && !voltages) continue;
      if (channel.readings == 0 || channel.last_begin_ns < since.ns) return false;
    }
  }
  return true;
}

bool ReadingTally::IsQuiet(const Channel& channel) {
  return channel.changed && channel.most_same >= kSureConversions && !channel.voltage &&
         !channel.counter;
}

bool ReadingTally::IsStuck(const Channel& channel, bool others_changed) {
  if (channel.voltage || channel.changed || channel.first_raw.value_or(0) == 0) return false;
  if (!others_changed) return false;
  // A counter's reading changes with its every conversion, while anything is drawn at all.
  return channel.counter ? channel.readings >= kSureConversions : channel.fresh >= kSureConversions;
}

std::vector<std::string> ReadingTally::NeverChanged() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (size_t source = 0; source < sources_.size(); ++source) {
    const std::vector<Channel>& channels = sources_[source];
    for (size_t i = 0; i < channels.size(); ++i) {
      const Channel& channel = channels[i];
      const bool others = std::any_of(channels.begin(), channels.end(), [&](const Channel& other) {
        return other.changed && !other.voltage && &other != &channel;
      });
      if (!IsStuck(channel, others)) continue;
      const char* unit = UnitOf(sampler_.source(source).channels()[i].quantity());
      const std::string why =
          !channel.counter && std::any_of(channels.begin(), channels.end(), IsQuiet)
              ? fmt::format(
                    "the rail stays within one step of {:.6g} {}, which the sensor is quiet "
                    "enough for, or its register is stuck: readings do not tell which",
                    channel.scale, unit)
              : std::string("its register is stuck, or nothing is connected to it");
      lines.push_back(fmt::format(
          "{} was {:.6g} {} in all of {} readings while others of its sensor changed: {}",
          channel.rail, static_cast<double>(*channel.first_raw) * channel.scale, unit,
          channel.readings, why));
    }
  }
  return lines;
}

std::vector<ReadingTally::Rail> ReadingTally::Count() const {
  const std::lock_guard lock(mutex_);
  std::vector<Rail> rails;
  for (const auto& channels : sources_) {
    for (const Channel& channel : channels) {
      if (channel.voltage) continue;
      const auto known = std::find_if(rails.begin(), rails.end(),
                                      [&](const Rail& r) { return r.rail == channel.rail; });
      if (known == rails.end()) {
        rails.push_back(
            {channel.rail, channel.readings, channel.window_s, channel.repeats, channel.separates});
        continue;
      }
      known->separates |= channel.separates;
      if (channel.readings > known->readings) {
        known->readings = channel.readings;
        known->repeats = channel.repeats;
      }
      if (!known->window_s || (channel.window_s && *channel.window_s < *known->window_s)) {
        known->window_s = channel.window_s;
      }
    }
  }
  return rails;
}

}  // namespace synergy
