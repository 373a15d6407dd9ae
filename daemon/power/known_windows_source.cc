#include "daemon/power/known_windows_source.h"

#include <limits>
#include <utility>

namespace synergy {

KnownWindowsSource::KnownWindowsSource(std::unique_ptr<PowerSource> source, WindowOf window_of)
    : source_(std::move(source)),
      window_of_(std::move(window_of)),
      channels_(source_->channels()),
      last_begin_ns_(channels_.size(), std::numeric_limits<int64_t>::min()) {
  for (v1::ChannelInfo& channel : channels_) {
    channel.mutable_window()->set_phase_known(true);
    channel.mutable_window()->set_stamps_are_window(true);
  }
}

absl::Status KnownWindowsSource::Read(std::vector<ChannelReading>* out) {
  const size_t first = out->size();
  const absl::Status status = source_->Read(out);
  for (size_t i = first; i < out->size(); ++i) {
    const uint32_t channel = (*out)[i].channel;
    Reading& reading = (*out)[i].reading;
    const TimeSpan window = window_of_(channel, reading);
    int64_t& last = last_begin_ns_[channel];
    reading.freshness = window.earliest.ns == last ? Freshness::kRepeat : Freshness::kFresh;
    reading.begin_ns = last = window.earliest.ns;
    reading.end_ns = window.latest.ns;
  }
  return status;
}

}  // namespace synergy
