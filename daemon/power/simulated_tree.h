// A tree of attributes that a simulated board makes up when they are read, for the sources that
// read real ones: energy counters (RAPL) and a fuel gauge.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/clock.h"
#include "common/priority_mutex.h"
#include "daemon/power/power_trace.h"
#include "daemon/power/simulated_faults.h"
#include "daemon/power/sysfs_tree.h"

namespace synergy {

class SimulatedTree final : public SysfsTree {
 public:
  using Make = std::function<absl::StatusOr<std::string>()>;

  // Under /sys. Before the tree is read.
  void Add(const std::string& path, Make make) { files_[kRoot + path] = std::move(make); }
  void Add(const std::string& path, std::string text) {
    Add(path, [text = std::move(text)] { return text; });
  }
  static constexpr char kRoot[] = "/sys/";

  std::vector<std::string> List(const std::string& folder) override;
  bool Has(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<OpenAttribute>> Open(const std::string& path) override;

 private:
  std::map<std::string, Make> files_;  // by path
};

// What a simulated sensor sees, and what is wrong with it. All outlive the tree.
struct SimulatedRailView {
  std::string rail;
  size_t index = 0;  // of the trace
  PowerTrace* trace = nullptr;
  SimulatedFaults* faults = nullptr;
  Clock* clock = nullptr;
};

// A RAPL counter as powercap shows it: microjoules that are counted in steps of 2^-14 J, updated
// each millisecond of the counter's own clock, and that begin again after 2^32 steps (Intel SDM,
// volume 3B, "RAPL interfaces"). Thread-safe.
class SimulatedEnergyCounter {
 public:
  static constexpr double kStepJ = 0x1p-14;
  static constexpr double kPeriodS = 1e-3;
  static constexpr int64_t kRangeUj = 262'143'328'850;  // as drivers show it for such a step

  // Begins `joules_left` before its range ends. `oscillator` is the factor on its period.
  SimulatedEnergyCounter(SimulatedRailView rail, double joules_left, double oscillator);
  absl::StatusOr<std::string> Read() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const SimulatedRailView rail_;
  const double period_s_;
  const double first_j_;
  const MonotonicTime begin_;
  PriorityMutex mutex_;
  int64_t updates_ ABSL_GUARDED_BY(mutex_) = 0;
  double joules_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A battery's gauge: its mean current over the last second, updated once a second, in microamperes,
// positive while the battery is discharged (as drivers of phones have it; the kernel's
// documentation has it negative). No data before the first update. Thread-safe.
class SimulatedGauge {
 public:
  static constexpr double kPeriodS = 1.0;

  SimulatedGauge(SimulatedRailView rail, double oscillator);
  absl::StatusOr<std::string> ReadCurrent() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::string> ReadVoltage() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SimulatedRailView rail_;
  const double period_s_;
  const MonotonicTime begin_;
  PriorityMutex mutex_;
  int64_t updates_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t microamperes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t microvolts_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace synergy
