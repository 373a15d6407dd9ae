// Measures for a gate: runs of points of job files, one after the other, on one board.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/commands/board_link.h"
#include "client/commands/compared_runs.h"
#include "client/commands/interrupts.h"
#include "client/commands/job_interrupt.h"
#include "client/commands/job_preparation.h"
#include "client/store/store.h"

namespace synergy {

// A point of a job file that the board takes.
struct GateSide {
  std::string path;
  MeasureOptions options;  // with what the board chooses
  Job job;
  BoardLink* link = nullptr;  // lives as long as the measurement
};

// Of one thread. The first SIGINT or SIGTERM cancels the run that is measured (job_interrupt.h).
class GateMeasurement {
 public:
  // `host` as for BoardLink::Open.
  static absl::StatusOr<std::unique_ptr<GateMeasurement>> Start(const std::string& store_option,
                                                                std::string host);

  Store& store() { return *store_; }

  // Nothing is measured yet. `path`: of the job file, for people. kUsage, kNotReached, kRefused.
  absl::StatusOr<GateSide> Prepare(const std::string& path, const MeasureOptions& options);

  // Measures, stores and solves one run, as far as the metric needs it; again where the board or
  // synergyd went down meanwhile, or the records are lost: such a run is stored as interrupted.
  // kInterrupted where the user ended it; one that the board did not finish is no error.
  absl::StatusOr<LoadedRun> Measure(const GateSide& side, Metric metric);

 private:
  GateMeasurement(std::unique_ptr<Store> store, std::string host)
      : store_(std::move(store)),
        host_(std::move(host)),
        interrupts_([this](int nth) { interrupt_.OnSignal(nth); }) {}

  // AlreadyExists: it ran, and its records are not to be had any more.
  absl::StatusOr<StoredRun> MeasureOnce(const GateSide& side);
  absl::StatusOr<BoardLink*> LinkFor(const std::string& engine);

  const std::unique_ptr<Store> store_;
  const std::string host_;
  JobInterrupt interrupt_;
  std::map<std::string, std::unique_ptr<BoardLink>> links_;  // by engine; the interrupt uses them
  const Interrupts interrupts_;
};

}  // namespace synergy
