// A simulated board: what its rails really draw while an engine executes operators on this machine.
// The sensors see it through PowerTrace; the truth of a run leaves it through EndRun alone.
//
// Simulated are power, temperature and sensors; the operators' durations are this machine's own.
// docs/simulated-boards.md describes the model.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/priority_mutex.h"
#include "common/records/conversion_cycle.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/board_simulation.h"
#include "daemon/power/executions.h"
#include "daemon/power/faulty_register_bus.h"
#include "daemon/power/ina3221_chip.h"
#include "daemon/power/power_trace.h"
#include "daemon/power/realised_power.h"
#include "daemon/power/sim_i2c_bus.h"
#include "daemon/power/simulated_cpu.h"
#include "daemon/power/simulated_faults.h"
#include "daemon/power/simulated_tree.h"
#include "daemon/power/truth_log.h"

namespace synergy::sim {

// What stands between the rails and the readings; defaults are a board as it comes.
struct SimulatedSensorOptions {
  double noise_steps = Ina3221ChipOptions{}.noise_steps;
  double oscillator_tolerance = ina3221::kOscillatorTolerance;
  double gain_tolerance = ina3221::kGainTolerance;
};

// Thread-safe. A bus holds its own lock while its chips ask the model, so the model never calls a
// bus with its lock held.
class SimulatedBoard final : public BoardSimulation {
 public:
  // `profile` has the table [simulation] (InvalidArgument otherwise). `seed` sets what differs
  // between two boards of a kind: oscillators, phases, gains. `clock` outlives the board.
  static absl::StatusOr<std::shared_ptr<SimulatedBoard>> Create(
      const BoardProfile& profile, uint64_t seed, const SimulatedSensorOptions& sensors,
      Clock& clock, std::vector<SimulatedFault> faults = {});

  // Where the board's INA3221s are, faults included. Belongs to the board: whoever keeps it keeps
  // the board. Null where it has none.
  static std::shared_ptr<RegisterBus> BusOf(const std::shared_ptr<SimulatedBoard>& board);
  // Its RAPL zones or its battery; likewise.
  static std::shared_ptr<SysfsTree> TreeOf(const std::shared_ptr<SimulatedBoard>& board);

  const SimulationProfile& simulation() const { return simulation_; }
  // The conversion that register `reg` of the profile's INA3221 number `sensor` showed at an
  // instant that is over.
  TimeSpan ConversionShown(size_t sensor, uint8_t reg, MonotonicTime at);
  // From here on its faults are at work.
  void BeginFaults();
  const SimulatedFaults& faults() const { return *faults_; }
  std::vector<std::string> FaultNotes() const { return faults_->Notes(); }

  void BeginRun(const Run& run, ActivityFeed* feed) override;
  void SetOperators(const v1::OperatorTable& operators) override;
  v1::RunTruth EndRun() override;
  std::vector<std::string> Disclaimers() const override;
  double temperature_c() override;
  std::optional<int64_t> throttled_khz() override;
  void SetCpuSpeeds(const std::vector<CpuSpeed>& policies) override;
  int64_t CpuKhz(size_t policy) override;

  // Of the rails of simulation(), as PowerTrace has them.
  double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end);
  double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end);
  double MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end);

 private:
  // What one sensor sees: each forgets by itself.
  class Tap final : public PowerTrace {
   public:
    explicit Tap(SimulatedBoard& board);
    double MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) override;
    double MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) override;
    double MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) override;
    void ForgetBefore(MonotonicTime time) override;

   private:
    friend class SimulatedBoard;
    // When what the sensor shows at an instant was.
    Nanoseconds Delay(MonotonicTime at) const { return board_.faults_->Delay(at); }
    SimulatedBoard& board_;
    MonotonicTime needed_;  // nothing before it; guarded by the board's mutex_
  };

  SimulatedBoard(const BoardProfile& profile, const SimulatedSensorOptions& sensors,
                 std::shared_ptr<SimulatedFaults> faults, Clock& clock);
  Tap& AddTap();
  void AttachChips(const std::vector<SensorProfile>& sensors, uint64_t seed);
  void AddZones(uint64_t seed);
  void AddBattery(uint64_t seed);
  // The speeds that are at work from here on: throttled ones, or those that were set.
  void FollowCpu() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The timeline's next piece, to `end`: what runs in it, and what it costs.
  void AddPiece(MonotonicTime end, std::span<Execution* const> running)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of that, what runs while the factors on the operators' power stay the same.
  void AddWork(MonotonicTime end, std::span<Execution* const> running)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Where these factors change next, at most `end`.
  MonotonicTime NextChange(MonotonicTime end) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddIdle(MonotonicTime end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Extends the timeline to the present, at least to `at_least`.
  void Advance(MonotonicTime at_least) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const OperatorLoad& Load(uint32_t op) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RebuildLoads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  const SimulatedSensorOptions sensors_;
  const std::string title_;
  const SimulationProfile simulation_;
  const std::shared_ptr<SimulatedFaults> faults_;

  mutable PriorityMutex mutex_;
  SimulatedCpu cpu_ ABSL_GUARDED_BY(mutex_);
  CpuOperatingPoint busy_ ABSL_GUARDED_BY(mutex_), idle_ ABSL_GUARDED_BY(mutex_);  // of cpu_
  uint32_t cores_on_ ABSL_GUARDED_BY(mutex_);
  bool working_ ABSL_GUARDED_BY(mutex_) = false;  // something ran at the end of the timeline
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

  std::deque<Tap> taps_;
  std::deque<SimulatedEnergyCounter> counters_;
  std::optional<SimulatedGauge> gauge_;
  SimulatedTree tree_;
  std::shared_ptr<SimI2cBus> bus_;             // null: no INA3221
  std::shared_ptr<FaultyRegisterBus> faulty_;  // over bus_
  std::vector<Ina3221Chip*> chips_;            // on bus_, which locks them; as in the profile
};

}  // namespace synergy::sim
