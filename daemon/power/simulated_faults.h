// What goes wrong on a simulated board, on demand: synergyd --fault.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "daemon/power/oscillator_drift.h"

namespace synergy {

struct SimulatedFault {
  enum class Kind {
    kStuck,            // the sensor's register of a rail keeps its value
    kReadErrors,       // reads of sensors fail now and then
    kSlowFilter,       // somebody raises the sensors' averaging behind their driver's back
    kMissing,          // the sensor's channel of a rail gives no data
    kThrottle,         // the board is too hot and holds its CPU back
    kNoise,            // the sensors' conversions are noisier, or quieter
    kGain,             // the sensors' gains are off by more, or less
    kAverages,         // the sensors' averaging cannot be set to less
    kConversion,       // nor their conversion time
    kDelay,            // the sensors show what was a while ago
    kDrift,            // the rails' power rises slowly
    kOscillatorDrift,  // the sensors' oscillators slow down
    kVaryingPower,     // operators draw a varying power
    kShortOperators,   // some of the modelled operators are over in 5 us
    kKnownWindows,     // readings are stamped with the windows of their conversions
  };
  Kind kind = Kind::kStuck;
  std::string rail = {};  // of kStuck and kMissing
  double value = 0;       // probability; averages; MHz; steps; us; ms; relative
  double from_s = 0, until_s = std::numeric_limits<double>::infinity();  // after the board's start
  std::string text = {};                                                 // as it was given
};

// "KIND[:RAIL|NUMBER][@SECONDS[-SECONDS]]": stuck:RAIL, missing:RAIL, read-errors[:PROBABILITY]
// (0.05), slow-filter[:AVERAGES] (64), throttle[:MHZ] (half of the fastest), noise[:STEPS] (1),
// gain[:SHARE] (0.01), averages[:N] (64), conversion[:US] (1100), delay[:MS] (5), drift[:SHARE]
// (0.1), oscillator-drift[:SHARE] (0.02), varying-power[:SHARE] (0.1), short-operators[:SHARE]
// (0.25), known-windows. The sensors' noise and settings, operators' lengths and known windows are
// there from the start and take no seconds. InvalidArgument with what is allowed.
absl::StatusOr<SimulatedFault> ParseSimulatedFault(std::string_view text);

// The share of short operators that the faults ask for; 0: none.
double ShareOfShortOperators(const std::vector<SimulatedFault>& faults);

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
  // InvalidArgument where a fault is of an INA3221 and the board has none, or where one of them
  // leaves nothing to another one.
  absl::Status FitSensor(bool has_ina3221) const;
  // Of the sensors, from the start; nothing: as they come.
  std::optional<double> NoiseSteps() const { return ValueOf(SimulatedFault::Kind::kNoise); }
  // Gains are drawn evenly from +- this.
  std::optional<double> GainTolerance() const { return ValueOf(SimulatedFault::Kind::kGain); }
  std::optional<double> LeastAverages() const { return ValueOf(SimulatedFault::Kind::kAverages); }
  std::optional<double> LeastConversionUs() const {
    return ValueOf(SimulatedFault::Kind::kConversion);
  }
  bool WindowsAreKnown() const { return Find(SimulatedFault::Kind::kKnownWindows) != nullptr; }
  // How old what the sensors show at an instant is, and at most.
  Nanoseconds Delay(MonotonicTime at) const;
  Nanoseconds LongestDelay() const;
  // What drift adds to the power at an instant, relative: it rises evenly over the fault's seconds
  // (kRampS where they have no end) and stays.
  static constexpr double kRampS = 60;
  double PowerDrift(MonotonicTime at) const;
  bool HasPowerDrift() const { return ValueOf(SimulatedFault::Kind::kDrift).has_value(); }
  // Likewise. Before Begin: none.
  OscillatorDrift SensorDrift() const;
  // By how much the operators' power varies at an instant: 0: not at all.
  double PowerVariation(MonotonicTime at) const;
  // The factor on an operator's dynamic power `elapsed` after the begin of its execution, where it
  // varies by `share`: (1 + share x z) x (1 + share x sqrt(2) x sin(2 pi (elapsed / 1 ms +
  // phase))), z normal and cut at 2.5, drawn for the execution, the phase for the operator.
  double PowerFactor(double share, uint32_t op, uint32_t iteration, Nanoseconds elapsed) const;
  // A line each, for the board's notes and a run's notices.
  std::vector<std::string> Notes() const;

 private:
  SimulatedFaults(std::vector<SimulatedFault> faults, uint64_t seed, Clock& clock)
      : faults_(std::move(faults)), seed_(seed), clock_(clock) {}
  const SimulatedFault* Active(SimulatedFault::Kind kind, std::string_view rail = "") const {
    return ActiveAt(clock_.Now(), kind, rail);
  }
  const SimulatedFault* ActiveAt(MonotonicTime at, SimulatedFault::Kind kind,
                                 std::string_view rail = "") const;
  const SimulatedFault* Find(SimulatedFault::Kind kind) const;
  std::optional<double> ValueOf(SimulatedFault::Kind kind) const;

  const std::vector<SimulatedFault> faults_;
  const uint64_t seed_;
  Clock& clock_;
  std::optional<MonotonicTime> begin_;
  PriorityMutex mutex_;
  uint64_t draws_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace synergy
