// One job from its first process to its end: leads the engine through idle, setup, warm-up and
// measured phases while a RunRecording takes down what the sensors and the engine say.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "daemon/clocks/clock_control.h"
#include "daemon/jobs/chirp_player.h"
#include "daemon/jobs/condition_recorder.h"
#include "daemon/jobs/core_plan.h"
#include "daemon/jobs/engine_driver.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/phase_watch.h"
#include "daemon/jobs/run_recording.h"
#include "daemon/jobs/runner_options.h"
#include "daemon/jobs/verdict.h"

namespace synergy {

// Used once, by one thread.
class RunSession {
 public:
  // Everything outlives the session.
  RunSession(const RunnerOptions& options, const RunnerParts& parts, const v1::JobStatus& job,
             const RunFolder& folder, const CancelToken& cancel, const ProgressCallback& progress);

  JobOutcome Run();

  // Whether a job's events could be counted here, or it can do without; from any thread.
  static absl::Status CheckEvents(const RunnerParts& parts, const v1::JobSpec& spec);

 private:
  static CorePlan CoresOf(const RunnerParts& parts, const v1::JobSpec& spec);
  absl::Status Cool();
  // Before anything of the job runs, so that the idle phase has them, too.
  absl::Status TakeClocks();
  // Where the job's events are to be counted: whether they can be, before anything runs.
  absl::Status PlanCounting();
  // For the measured phase that follows, and says so in the run.
  absl::Status BeginCounting();
  // What keeps events from being counted: nothing where the job can do without.
  absl::Status NotCounted(const absl::Status& why);
  absl::Status Start();  // the engine, then the recording
  void RecordClocks();
  // Somebody else's, under which the job runs.
  void NoteHolder(const ClockControl::Holding& holding);
  // Where somebody's lease on the clocks began or ended since.
  void JudgeHolder();
  absl::Status Conduct();
  absl::Status CoolAgain();
  absl::Status Baseline();
  absl::Status Load();
  absl::Status Warmup();
  absl::Status Measure();
  // Until the precision that the job asks for is reached, or cannot be.
  absl::Status MeasureBlocks();
  // Iterations [first, first + count), and what was read meanwhile.
  absl::Status MeasureBlock(uint32_t first, uint32_t count);
  // How precise the run is by now. Not where the job is over.
  absl::StatusOr<v1::MeasuredBlock> Estimate();
  // Where the job asks for it.
  absl::Status Loop();
  // What the board does besides, from before the measured phase to its end.
  void BeginWatching();
  void EndWatching();
  // Clients' uploads disturb what is measured meanwhile: the run says so.
  void NoteUploads(uint64_t bytes);
  absl::Status Tail();
  // Where the job asks for a load pattern: with idle time around it.
  absl::Status PlayChirp(bool after);
  // Where the job keeps its outputs. What fails here costs the outputs, not the measurement.
  absl::Status KeepOutputs();
  // Lets time pass until every channel (`voltages` or not) was read since then. False: in vain.
  absl::StatusOr<bool> AwaitReadings(MonotonicTime since, bool voltages);
  void SetPhase(v1::Phase phase);
  void AddEngineNotes();
  void ReleaseClocks();
  // As long as the sensors need, and the job asks for.
  Nanoseconds AtLeastIdle(Nanoseconds needed) const;

  // What the engine, which has ended, left behind; how many processes.
  int KillLeftBehind();
  void Stop(const absl::Status& result);
  v1::RunEnd MakeEnd(const absl::Status& result);

  const RunnerOptions& options_;
  const RunnerParts& parts_;
  const v1::JobStatus& job_;
  const RunFolder& folder_;
  const CancelToken& cancel_;
  const ProgressCallback& progress_;
  Clock& clock_;
  const CorePlan cores_;

  std::unique_ptr<ClockHold> clocks_;  // null: the job asked for none
  uint64_t clock_changes_ = 0;         // of ClockControl::Holding, when the recording began
  UniqueFd predict_net_;
  UniqueFd init_net_;
  UniqueFd weights_;       // closed: none
  UniqueFd input_values_;  // likewise
  UniqueFd ring_;
  RunRecording recording_;
  std::optional<ConditionRecorder> conditions_;
  std::optional<MarkerFeed> feed_;
  std::optional<ChirpPlayer> chirps_;  // where the job asks for a load pattern
  std::optional<EngineDriver> driver_;
  std::optional<EventGroups> event_groups_;  // that are to be counted
  std::string not_counted_;                  // why the job's events are not; "": they are
  RunFacts facts_;
  std::vector<std::string> precision_rails_;  // with a precision
  double warmup_iteration_s_ = 0;
  PhaseWatch watch_;
  std::optional<v1::ObserverCost> observer_cost_;  // nothing: the measured phase never ended
  bool has_outputs_ = false;
};

}  // namespace synergy
