// What goes wrong on a simulated board, on demand: synergyd --fault.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/power/register_bus.h"

namespace synergy {

struct SimulatedFault {
  enum class Kind {
    kStuck,       // the sensor's register of a rail keeps its value
    kReadErrors,  // reads of sensors fail now and then
    kSlowFilter,  // somebody raises the sensors' averaging behind their driver's back
    kMissing,     // the sensor's channel of a rail gives no data
    kThrottle,    // the board is too hot and holds its CPU back
  };
  Kind kind = Kind::kStuck;
  std::string rail = {};  // of kStuck and kMissing
  double value = 0;       // probability; averages; MHz
  double from_s = 0, until_s = std::numeric_limits<double>::infinity();  // after the board's start
  std::string text = {};                                                 // as it was given
};

// "KIND[:RAIL|NUMBER][@SECONDS[-SECONDS]]": stuck:RAIL, missing:RAIL, read-errors[:PROBABILITY]
// (0.05), slow-filter[:AVERAGES] (64), throttle[:MHZ] (half of the fastest). InvalidArgument with
// what is allowed.
absl::StatusOr<SimulatedFault> ParseSimulatedFault(std::string_view text);

// Thread-safe.
class SimulatedFaults {
 public:
  // InvalidArgument where a fault names a rail that is not among `rails`. `clock` outlives this.
  static absl::StatusOr<std::shared_ptr<SimulatedFaults>> Create(
      std::vector<SimulatedFault> faults, const std::vector<std::string>& rails, uint64_t seed,
      Clock& clock);

  // From here on; nothing is wrong before.
  void Begin() { begin_ = clock_.Now(); }

  bool IsStuck(std::string_view rail) const;
  bool IsMissing(std::string_view rail) const;
  // Draws.
  bool ReadFails();
  // 1: nobody raised it.
  uint32_t Averages() const;
  // In MHz, 0 for the default; nothing: it is not throttled.
  std::optional<double> ThrottledMhz() const;
  // A line each, for the board's notes and a run's notices.
  std::vector<std::string> Notes() const;

 private:
  SimulatedFaults(std::vector<SimulatedFault> faults, uint64_t seed, Clock& clock)
      : faults_(std::move(faults)), seed_(seed), clock_(clock) {}
  const SimulatedFault* Active(SimulatedFault::Kind kind, std::string_view rail = "") const;

  const std::vector<SimulatedFault> faults_;
  const uint64_t seed_;
  Clock& clock_;
  std::optional<MonotonicTime> begin_;
  absl::Mutex mutex_;
  uint64_t draws_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The faults of INA3221s on a bus: between them and the source.
class FaultyRegisterBus final : public RegisterBus {
 public:
  // Which rail a channel's two data registers belong to, by address and channel from 0.
  using RailOf = std::map<std::pair<uint8_t, size_t>, std::string>;

  FaultyRegisterBus(std::shared_ptr<RegisterBus> bus, std::shared_ptr<SimulatedFaults> faults,
                    RailOf rails)
      : bus_(std::move(bus)), faults_(std::move(faults)), rails_(std::move(rails)) {}

  const std::string& name() const override { return bus_->name(); }
  ReadLatch read_latch() const override { return bus_->read_latch(); }
  absl::StatusOr<RegisterRead> Read(uint8_t address, uint8_t reg) override;
  absl::Status Write(uint8_t address, uint8_t reg, uint16_t value) override;

 private:
  // Raises the averaging of the chip, once.
  void RaiseAveraging(uint8_t address);

  const std::shared_ptr<RegisterBus> bus_;
  const std::shared_ptr<SimulatedFaults> faults_;
  const RailOf rails_;
  absl::Mutex mutex_;
  std::map<std::pair<uint8_t, uint8_t>, uint16_t> held_ ABSL_GUARDED_BY(mutex_);
  std::map<uint8_t, bool> raised_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
