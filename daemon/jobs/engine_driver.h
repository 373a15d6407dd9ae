// Leads one engine process through a job: handshake, loading, blocks of iterations, end. Watches
// meanwhile over its markers, its life, the job's time limit and a cancellation, and says what went
// wrong with the operator that it went wrong in.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/run_codes.h"
#include "daemon/counters/event_groups.h"
#include "daemon/jobs/job_executor.h"
#include "daemon/jobs/marker_feed.h"
#include "daemon/jobs/worker_process.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// How long an engine may take for what, and how much it may write. Adjustable for tests.
struct EngineLimits {
  Nanoseconds hello = Seconds(10);
  Nanoseconds load = Seconds(300);    // loading both nets and running the init net
  Nanoseconds silence = Seconds(60);  // without a marker while iterations run: it hangs
  Nanoseconds exit = Seconds(1);
  uint64_t outputs_bytes = kMaxOutputsBytes;
  // The ring holds 80 ms of the fastest operators.
  Nanoseconds drain_period = Milliseconds(20);
};

// Thread-compatible; its thread outlives it. Errors: Cancelled with the token's reason; anything
// else is why the job fails, with a text for people. After an error only Stop() is of use.
class EngineDriver {
 public:
  // Called at every drain of the ring. An error ends what the driver is doing.
  using TickCallback =
      std::function<absl::Status(const MarkerFeed::Activity&, const std::vector<Marker>&)>;

  // All are borrowed. The job is over at `time_limit` from now.
  EngineDriver(const v1::JobSpec& spec, const EngineLimits& limits, MarkerFeed& feed,
               const CancelToken& cancel, Clock& clock, TickCallback on_tick);

  // Starts the process and checks its greeting.
  absl::StatusOr<v1::WorkerEvent::Hello> Start(const WorkerSpec& worker, int ring_fd,
                                               int predict_fd, int init_fd,
                                               const TensorFiles& tensors);
  absl::Status Load();
  // Whether the engine rests before measured iterations where the job asks for it.
  bool makes_pauses() const { return protocol_version_ >= 3; }
  // Iterations [first, first + count), the measured ones each after its pause.
  absl::Status RunBlock(v1::Phase phase, uint32_t first, uint32_t count);
  // Whether the engine counts events.
  bool counts_events() const { return protocol_version_ >= 5; }
  // Of the measured iterations that follow. FailedPrecondition, PermissionDenied: the kernel
  // refuses it, and nothing has changed.
  absl::StatusOr<v1::CountedEvents> Count(const EventGroups& groups, const std::string& paranoid,
                                          PerfKernel& kernel);
  // Repeats the operator, which the net has, for that long.
  absl::Status Loop(uint32_t op, Nanoseconds least);
  // Until the job fails for want of time.
  Nanoseconds time_left() const { return deadline_ - clock_.Now(); }
  // Has the engine write the predict net's outputs, and copies them to the file `fd`.
  // ResourceExhausted: they are longer, or the disk is full.
  absl::Status WriteOutputs(int fd);
  // Lets the time pass.
  absl::Status Idle(Nanoseconds time);
  // Ends the process, politely where it still listens, and takes its last markers. The wait
  // status's words where the engine did not end well although it was asked to.
  absl::Status Stop(bool politely);

  // By index, as the engine told them; empty before the first block has ended.
  const v1::OperatorTable& operators() const { return operators_; }
  uint32_t operator_count() const { return operator_count_; }
  // What the engine said a reader of the run must know, printable; since the last call.
  struct Note {
    NoticeCode code;
    std::string text;
  };
  std::vector<Note> TakeNotes() { return std::exchange(notes_, {}); }
  // As of the last drain.
  const MarkerFeed::Activity& activity() const { return activity_; }
  std::string log() const { return worker_ ? worker_->log() : std::string(); }

 private:
  absl::Status Send(const v1::WorkerCommand& command);
  // The engine's next event, unless it is Failed. `silence`: how long no sign of life may come.
  absl::StatusOr<v1::WorkerEvent> Await(Nanoseconds silence);
  // The same, or nothing at `until`.
  absl::StatusOr<std::optional<v1::WorkerEvent>> Pump(MonotonicTime until);
  absl::Status CheckUnderstood() const;
  absl::Status Drain();
  absl::Status TakeOperators(v1::OperatorTable operators);
  using Notes = google::protobuf::RepeatedPtrField<v1::WorkerEvent::Note>;
  void TakeNotesUntrusted(const Notes& notes);
  absl::Status Gone(const absl::Status& why);
  absl::Status Unexpected(const v1::WorkerEvent& event, const char* instead_of) const;
  std::string Where() const;

  const v1::JobSpec& spec_;
  const EngineLimits limits_;
  MarkerFeed& feed_;
  const CancelToken& cancel_;
  Clock& clock_;
  const TickCallback on_tick_;
  const double time_limit_s_;
  const MonotonicTime deadline_;
  MonotonicTime next_drain_;
  MonotonicTime last_sign_;  // of life: a marker or an event
  MarkerFeed::Activity activity_;
  std::vector<Marker> markers_;
  v1::OperatorTable operators_;
  uint32_t operator_count_ = 0;
  uint32_t protocol_version_ = 0;  // what the engine speaks
  uint64_t captured_bytes_ = 0;    // of its outputs, as of the last drain
  std::vector<Note> notes_;
  std::unique_ptr<WorkerProcess> worker_;
};

}  // namespace synergy
