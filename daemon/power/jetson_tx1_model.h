// The simulated Jetson TX1: what its rails really draw while an engine executes operators on this
// machine. The sensors see it through PowerTrace; the truth of a run leaves it through EndRun
// alone.
//
// Simulated are power, temperature and sensors; the operators' durations are this machine's own.
// docs/simulated-tx1.md describes the model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/board_simulation.h"
#include "daemon/power/executions.h"
#include "daemon/power/ina3221_chip.h"
#include "daemon/power/power_trace.h"
#include "daemon/power/realised_power.h"
#include "daemon/power/sim_i2c_bus.h"
#include "daemon/power/truth_log.h"

namespace synergy::tx1 {

// What stands between the rails and the readings; defaults are a board as it comes.
struct SimulatedSensorOptions {
  double noise_steps = Ina3221ChipOptions{}.noise_steps;
  double oscillator_tolerance = ina3221::kOscillatorTolerance;
  double gain_tolerance = ina3221::kGainTolerance;
};

// Thread-safe. The bus holds its own lock while its chips ask the model, so the model never calls
// the bus with its lock held.
class JetsonTx1Model final : public BoardSimulation, public PowerTrace {
 public:
  // `profile` is the Jetson TX1's: its rails in the order of jetson_tx1_power.h and one sensor
  // (InvalidArgument otherwise). `seed` sets the sensor's oscillator, phase and gains. `clock`
  // outlives the model.
  static absl::StatusOr<std::shared_ptr<JetsonTx1Model>> Create(
      const BoardProfile& profile, uint64_t seed, const SimulatedSensorOptions& sensors,
      Clock& clock);

  // The bus with the board's sensor. Belongs to the model: whoever keeps it keeps the model.
  static std::shared_ptr<RegisterBus> BusOf(const std::shared_ptr<JetsonTx1Model>& model);

  void BeginRun(const Run& run, ActivityFeed* feed) override;
  void SetOperators(const v1::OperatorTable& operators) override;
  v1::RunTruth EndRun() override;
  std::vector<std::string> Disclaimers() const override;

  double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) override;
  double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) override;
  void ForgetBefore(MonotonicTime time) override;

  // All four cores, from now on. InvalidArgument where the frequency is none of the board's. It
  // changes power, not durations.
  absl::Status SetCpuFrequency(double hz);
  double temperature_c();

 private:
  JetsonTx1Model(const BoardProfile& profile, const SimulatedSensorOptions& sensors, Clock& clock);
  void AttachSensor(const SensorProfile& sensor, uint64_t seed);
  // Extends the timeline to the present, at least to `at_least`.
  void Advance(MonotonicTime at_least) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const OperatorLoad& Load(uint32_t op) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RebuildLoads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  const SimulatedSensorOptions sensors_;
  const std::vector<v1::RailInfo> rails_;
  const std::vector<CpuOperatingPoint> points_;
  const uint32_t cores_;

  mutable absl::Mutex mutex_;
  CpuOperatingPoint point_ ABSL_GUARDED_BY(mutex_);
  RealisedPower power_ ABSL_GUARDED_BY(mutex_);
  Executions executions_ ABSL_GUARDED_BY(mutex_);
  TruthLog truth_ ABSL_GUARDED_BY(mutex_);

  ActivityFeed* feed_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Run run_ ABSL_GUARDED_BY(mutex_);
  v1::OperatorTable operators_ ABSL_GUARDED_BY(mutex_);
  std::vector<OperatorLoad> loads_ ABSL_GUARDED_BY(mutex_);  // by operator
  OperatorLoad unknown_ ABSL_GUARDED_BY(mutex_);
  ActivityFeed::Snapshot snapshot_ ABSL_GUARDED_BY(mutex_);  // kept for its capacity
  std::vector<OperatorLoad> running_ ABSL_GUARDED_BY(mutex_);

  SimI2cBus bus_;
  Ina3221Chip* chip_ = nullptr;  // on bus_, which locks it
};

}  // namespace synergy::tx1
