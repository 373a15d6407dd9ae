// A simulated sensor that stamps each reading with the window of the conversion that it shows: what
// no INA3221 tells. It says how well a method does where windows are exactly known.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/records/conversion_cycle.h"
#include "daemon/power/power_source.h"

namespace synergy {

// Passes on what another source reads, with other stamps. Thread-compatible.
class KnownWindowsSource final : public PowerSource {
 public:
  // The window of the conversion that a reading of channel `index` shows, from the reading's own
  // stamps. Called by whoever reads.
  using WindowOf = std::function<TimeSpan(size_t index, const Reading& reading)>;

  // Every channel of `source` is one conversion, without averaging.
  KnownWindowsSource(std::unique_ptr<PowerSource> source, WindowOf window_of);

  const std::string& name() const override { return source_->name(); }
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  absl::Status Read(std::vector<ChannelReading>* out) override;
  double asked_hz(size_t index) const override { return source_->asked_hz(index); }
  double max_rate_hz() const override { return source_->max_rate_hz(); }
  std::optional<uint64_t> transfers() const override { return source_->transfers(); }
  std::vector<std::string> Remarks() const override { return source_->Remarks(); }
  std::string Doubt() const override { return source_->Doubt(); }

 private:
  const std::unique_ptr<PowerSource> source_;
  const WindowOf window_of_;
  std::vector<v1::ChannelInfo> channels_;
  std::vector<int64_t> last_begin_ns_;  // by channel
};

}  // namespace synergy
