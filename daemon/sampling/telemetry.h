// The live view: watts from raw readings at a base rate of 100 Hz, left in the telemetry ring.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/telemetry_ring.h"
#include "daemon/sampling/sampler.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// A reading's power is current times the rail's last voltage, or the power channel itself. A rail
// without a voltage has no power: its count of readings is 0. Time moves with the readings' own
// stamps: a record is closed by the first reading (or gap) after its end. Thread-safe.
class Telemetry : public ReadingSink {
 public:
  static constexpr Nanoseconds kBasePeriod = Milliseconds(10);

  // `sampler` outlives the telemetry. Rails beyond kMaxTelemetryRails are left out. Creates the
  // ring.
  static absl::StatusOr<std::unique_ptr<Telemetry>> Create(const v1::BoardInfo& board,
                                                           const Sampler& sampler);
  ~Telemetry() override;

  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override;
  void OnGap(size_t source, const v1::Gap& gap) override;

  // What goes into the records from now on. Without `op`: between operators.
  void SetActivity(const std::string& run_id, v1::Phase phase, uint32_t iteration,
                   std::optional<uint32_t> op);

  // Mean over the last 100 ms of the first rail that no other contains; where it was not read in
  // that time, its last reading of the last 2 s; else nothing.
  std::optional<double> TopRailPower() const;

  // Read-only descriptor of the ring, for the front. Owned by the telemetry.
  int ring_fd() const;

 private:
  struct State;
  explicit Telemetry(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace synergy
