// The live view: watts from raw readings at a base rate of 100 Hz, left in the telemetry ring.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "common/telemetry_ring.h"
#include "daemon/sampling/sampler.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// A reading's power is current times the rail's last voltage, or the power channel itself. A rail
// without a voltage has no power: its count of readings is 0. Time moves with the readings' own
// stamps: a record is closed by the first reading (or gap) after its end; spans without any have no
// record. Thread-safe.
class Telemetry : public ReadingSink {
 public:
  static constexpr Nanoseconds kBasePeriod = Milliseconds(10);

  // `sampler` outlives the telemetry. Rails beyond kMaxTelemetryRails are left out. Creates the
  // ring.
  static absl::StatusOr<std::unique_ptr<Telemetry>> Create(const v1::BoardInfo& board,
                                                           const Sampler& sampler);

  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override;
  void OnGap(size_t source, const v1::Gap& gap) override;

  // What goes into the records from now on. Without `op`: between operators.
  void SetActivity(const std::string& run_id, v1::Phase phase, uint32_t iteration,
                   std::optional<uint32_t> op);

  // Mean over the last 100 ms of the first rail that no other contains; where it was not read in
  // that time, its last reading of the last 2 s; else nothing.
  std::optional<double> TopRailPower() const;

  // Read-only descriptor of the ring, for the front. Owned by the telemetry.
  int ring_fd() const { return ring_fd_; }

 private:
  // What a reading of a source's channel means.
  struct Channel {
    std::optional<size_t> rail;  // none: of no rail in the ring
    v1::ChannelInfo::Quantity quantity;
    double scale;
  };
  // The last update of a channel that counts energy.
  struct Counter {
    int64_t at_ns;
    int64_t raw;
  };
  // Readings of the top rail.
  struct TopPower {
    int64_t at_ns;
    double sum_w;
    uint64_t readings;
  };

  Telemetry(TelemetryRingWriter ring, std::vector<std::vector<Channel>> channels, size_t rails,
            std::optional<size_t> top_rail, Clock& clock);

  // Closes the present record where it ends at or before `at_ns`.
  void MoveTo(int64_t at_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseRecord() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The mean power since the counter's last update, where this is another one.
  std::optional<double> PowerSince(std::optional<Counter>& last, const Reading& reading,
                                   double scale) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddPower(size_t rail, double watts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<std::vector<Channel>> channels_;  // by source and channel
  const std::optional<size_t> top_rail_;
  Clock& clock_;
  const int ring_fd_;

  mutable PriorityMutex mutex_;
  TelemetryRingWriter ring_ ABSL_GUARDED_BY(mutex_);
  // By source and channel.
  std::vector<std::vector<std::optional<Counter>>> counters_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<double>> volts_ ABSL_GUARDED_BY(mutex_);  // by rail, the last
  TelemetryRecord record_ ABSL_GUARDED_BY(mutex_);                    // the present one
  std::vector<double> sums_ ABSL_GUARDED_BY(mutex_);                  // of its powers, by rail
  int64_t now_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<TopPower> recent_top_ ABSL_GUARDED_BY(mutex_);
  std::optional<TopPower> last_top_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
