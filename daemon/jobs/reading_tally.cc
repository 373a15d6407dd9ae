#include "daemon/jobs/reading_tally.h"

#include <algorithm>

namespace synergy {

ReadingTally::ReadingTally(const Sampler& sampler) : sampler_(sampler) {
  for (size_t i = 0; i < sampler.source_count(); ++i) {
    std::vector<Channel>& channels = sources_.emplace_back();
    for (const v1::ChannelInfo& info : sampler.source(i).channels()) {
      Channel& channel = channels.emplace_back();
      channel.rail = info.rail();
      channel.voltage = info.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
    }
  }
}

void ReadingTally::OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
  absl::MutexLock lock(&mutex_);
  std::vector<Channel>& channels = sources_[source];
  for (const ChannelReading& r : readings) {
    if (r.channel >= channels.size()) continue;
    ++channels[r.channel].readings;
    channels[r.channel].last_begin_ns = r.reading.begin_ns;
  }
}

bool ReadingTally::AllReadSince(MonotonicTime since, bool voltages) const {
  for (size_t i = 0; i < sampler_.source_count(); ++i) {
    if (!sampler_.source_status(i).ok()) continue;
    absl::MutexLock lock(&mutex_);
    for (const Channel& channel : sources_[i]) {
      if (channel.voltage && !voltages) continue;
      if (channel.readings == 0 || channel.last_begin_ns < since.ns) return false;
    }
  }
  return true;
}

std::vector<ReadingTally::Rail> ReadingTally::Count() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Rail> rails;
  for (const auto& channels : sources_) {
    for (const Channel& channel : channels) {
      if (channel.voltage) continue;
      const auto known = std::find_if(rails.begin(), rails.end(),
                                      [&](const Rail& r) { return r.rail == channel.rail; });
      if (known == rails.end()) {
        rails.push_back({.rail = channel.rail, .readings = channel.readings});
      } else {
        known->readings = std::max(known->readings, channel.readings);
      }
    }
  }
  return rails;
}

}  // namespace synergy
