#include "daemon/jobs/engine_driver.h"

#include <algorithm>
#include <utility>

#include "common/printable.h"
#include "common/records/chunk.h"
#include "common/spec_validation.h"
#include "daemon/jobs/engine_errors.h"
#include "daemon/jobs/engines.h"
#include "daemon/jobs/operator_text.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr uint32_t kMaxOperators = 1'000'000;
// Executions of a repeated operator: an hour of one that takes 1 us.
constexpr uint32_t kMostLooped = 3'600'000'000;
constexpr size_t kMaxTextBytes = 4000;
constexpr size_t kMaxNotes = 16;                              // of an engine
constexpr size_t kMaxTableBytes = kMaxChunkDataBytes - 1024;  // it becomes one record
// Between the end of its connection and that of the process.
constexpr Nanoseconds kDeathPatience = Seconds(1);
constexpr Nanoseconds kSendPatience = Seconds(5);

double TimeLimit(const v1::JobSpec& spec) {
  return spec.time_limit_s() > 0 ? spec.time_limit_s() : kDefaultTimeLimitS;
}

absl::Status CheckOperatorsUntrusted(const v1::OperatorTable& table, uint32_t count) {
  if (table.operators_size() != static_cast<int>(count)) {
    return absl::DataLossError(fmt::format("the engine described {} operators of a net of {}",
                                           table.operators_size(), count));
  }
  for (int i = 0; i < table.operators_size(); ++i) {
    if (table.operators(i).index() != static_cast<uint32_t>(i)) {
      return absl::DataLossError("the engine described the net's operators out of order");
    }
  }
  if (table.ByteSizeLong() > kMaxTableBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("the engine's description of the net's operators has {} bytes, and at most {} "
                    "can be recorded",
                    table.ByteSizeLong(), kMaxTableBytes));
  }
  return absl::OkStatus();
}

v1::CountedEvents DescribeCounting(const EventGroups& groups, size_t threads,
                                   const v1::WorkerEvent::Counting& counting) {
  v1::CountedEvents counted;
  uint32_t group = 0, in_group = 0;
  for (size_t i = 0; i < groups.events.size(); ++i, ++in_group) {
    if (in_group == groups.sizes[group]) {
      ++group;
      in_group = 0;
    }
    v1::CountedEvents::Event& event = *counted.add_events();
    event.set_name(groups.events[i].name);
    event.set_unit(groups.events[i].unit);
    event.set_code(DescribeCode(groups.events[i].code));
    event.set_group(group);
    event.set_empty_count(counting.empty_counts(static_cast<int>(i)));
  }
  counted.set_groups(static_cast<uint32_t>(groups.sizes.size()));
  counted.set_threads(static_cast<uint32_t>(threads));
  counted.set_by_mapping(counting.by_mapping());
  counted.set_marker_s(counting.marker_s());
  counted.set_counted_marker_s(counting.counted_marker_s());
  return counted;
}

}  // namespace

EngineDriver::EngineDriver(const v1::JobSpec& spec, const EngineLimits& limits, MarkerFeed& feed,
                           const CancelToken& cancel, Clock& clock, TickCallback on_tick)
    : spec_(spec),
      limits_(limits),
      feed_(feed),
      cancel_(cancel),
      clock_(clock),
      on_tick_(std::move(on_tick)),
      time_limit_s_(TimeLimit(spec)),
      deadline_(clock.Now() + Seconds(time_limit_s_)),
      next_drain_(clock.Now()),
      last_sign_(clock.Now()) {}

absl::StatusOr<v1::WorkerEvent::Hello> EngineDriver::Start(const WorkerSpec& worker, int ring_fd,
                                                           int predict_fd, int init_fd,
                                                           const TensorFiles& tensors) {
  auto process = WorkerProcess::Spawn(worker, ring_fd, predict_fd, init_fd, tensors);
  if (!process.ok()) return process.status();
  worker_ = *std::move(process);
  absl::StatusOr<v1::WorkerEvent> event = Await(limits_.hello);
  if (!event.ok()) return event.status();
  if (!event->has_hello()) return Unexpected(*event, "its greeting");
  absl::Status greeting = CheckGreetingUntrusted(spec_.engine(), event->hello());
  protocol_version_ = event->hello().protocol_version();
  if (greeting.ok()) greeting = CheckUnderstood();
  if (!greeting.ok()) return greeting;
  return event->hello();
}

// Whether the engine's version of the protocol has what the job asks for.
absl::Status EngineDriver::CheckUnderstood() const {
  const bool packs = spec_.has_weights() || spec_.has_input_values() || spec_.keep_outputs();
  const char* lacks = packs && protocol_version_ < 2 ? "weights, values of inputs or outputs"
                      : spec_.has_loop() && protocol_version_ < 4 ? "repeated operators"
                      : !spec_.events().empty() && !spec_.events_optional() && !counts_events()
                          ? "counted events"
                          : nullptr;
  if (lacks == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the engine {} speaks version {} of the engine protocol, which has no {}; use "
                  "another engine or a newer one",
                  spec_.engine(), protocol_version_, lacks));
}

absl::Status EngineDriver::Load() {
  v1::WorkerCommand command;
  v1::WorkerCommand::Load& load = *command.mutable_load();
  load.set_protocol_version(protocol_version_);
  load.set_threads(spec_.threads());
  load.set_seed(spec_.seed());
  *load.mutable_inputs() = spec_.inputs();
  feed_.AllowSetup();
  if (absl::Status status = Send(command); !status.ok()) return status;
  const absl::StatusOr<v1::WorkerEvent> event = Await(limits_.load);
  if (!event.ok()) return event.status();
  if (!event->has_loaded()) return Unexpected(*event, "that the nets are loaded");
  TakeNotesUntrusted(event->loaded().notes());
  operator_count_ = event->loaded().operators();
  if (operator_count_ < 1 || operator_count_ > kMaxOperators) {
    return absl::InvalidArgumentError(fmt::format(
        "the net has {} operators; 1 to {} can be measured", operator_count_, kMaxOperators));
  }
  feed_.SetOperatorCount(operator_count_);
  return absl::OkStatus();
}

absl::Status EngineDriver::RunBlock(v1::Phase phase, uint32_t first, uint32_t count) {
  v1::WorkerCommand command;
  command.mutable_run()->set_phase(phase);
  command.mutable_run()->set_first_iteration(first);
  command.mutable_run()->set_count(count);
  Nanoseconds pause{0};
  if (phase == v1::PHASE_MEASURE && makes_pauses()) pause = Seconds(spec_.longest_pause_s());
  command.mutable_run()->set_longest_pause_ns(static_cast<uint64_t>(pause.count));
  feed_.AllowIterations(phase, first + count);
  if (absl::Status status = Send(command); !status.ok()) return status;
  while (true) {
    absl::StatusOr<v1::WorkerEvent> event = Await(limits_.silence + pause);
    if (!event.ok()) return event.status();
    if (event->has_operators()) {
      absl::Status status = TakeOperators(std::move(*event->mutable_operators()));
      if (!status.ok()) return status;
      continue;
    }
    const v1::WorkerEvent::BlockDone& done = event->block_done();
    if (!event->has_block_done() || done.first_iteration() != first || done.count() != count ||
        operators_.operators().empty()) {
      return Unexpected(*event, "that its iterations are done");
    }
    return Drain();
  }
}

absl::StatusOr<v1::CountedEvents> EngineDriver::Count(const EventGroups& groups,
                                                      const std::string& paranoid,
                                                      PerfKernel& kernel) {
  // What the first warm-up iteration has not started stays uncounted.
  const absl::StatusOr<OpenedEvents> opened =
      OpenEvents(groups, ThreadsOf(worker_->child().pid()), paranoid, kernel);
  if (!opened.ok()) return opened.status();
  v1::WorkerCommand command;
  command.mutable_count()->mutable_group_events()->Assign(groups.sizes.begin(), groups.sizes.end());
  command.mutable_count()->mutable_threads()->Assign(opened->threads.begin(),
                                                     opened->threads.end());
  std::vector<int> fds;
  for (const UniqueFd& fd : opened->fds) fds.push_back(fd.get());
  feed_.AllowCounts(static_cast<uint32_t>(groups.events.size()));
  absl::Status sent = Send(command);
  if (sent.ok()) sent = worker_->SendFds(fds);
  if (absl::IsUnavailable(sent)) return Gone(sent);
  if (!sent.ok()) return sent;
  const absl::StatusOr<v1::WorkerEvent> event = Await(limits_.silence);
  if (!event.ok()) return event.status();
  const v1::WorkerEvent::Counting& counting = event->counting();
  if (!event->has_counting() ||
      counting.empty_counts_size() != static_cast<int>(groups.events.size())) {
    return Unexpected(*event, "that it counts");
  }
  return DescribeCounting(groups, opened->threads.size(), counting);
}

absl::Status EngineDriver::Loop(uint32_t op, Nanoseconds least) {
  v1::WorkerCommand command;
  command.mutable_loop()->set_op(op);
  command.mutable_loop()->set_least_ns(static_cast<uint64_t>(least.count));
  command.mutable_loop()->set_most(kMostLooped);
  feed_.AllowIterations(v1::PHASE_LOOP, kMostLooped);
  if (absl::Status status = Send(command); !status.ok()) return status;
  const absl::StatusOr<v1::WorkerEvent> event = Await(limits_.silence);
  if (!event.ok()) return event.status();
  const bool done = event->has_loop_done() && event->loop_done().executions() >= 1;
  return done ? Drain() : Unexpected(*event, "that the operator was repeated");
}

absl::Status EngineDriver::WriteOutputs(int fd) {
  v1::WorkerCommand command;
  command.mutable_write_outputs();
  worker_->CaptureOutputs(fd, limits_.outputs_bytes);
  const absl::Status sent = Send(command);
  const absl::StatusOr<v1::WorkerEvent> event =
      sent.ok() ? Await(limits_.silence) : absl::StatusOr<v1::WorkerEvent>(sent);
  const absl::StatusOr<uint64_t> bytes = worker_->FinishOutputs();
  if (!event.ok()) return event.status();
  if (!event->has_outputs_written()) return Unexpected(*event, "that the outputs are written");
  if (!bytes.ok()) return bytes.status();
  if (*bytes != event->outputs_written().bytes()) {
    return absl::DataLossError(
        fmt::format("the engine {} says that its outputs have {} bytes and wrote {}",
                    spec_.engine(), event->outputs_written().bytes(), *bytes));
  }
  TakeNotesUntrusted(event->outputs_written().notes());
  return absl::OkStatus();
}

// Only what engines can know: a notice of the daemon's own cannot come from an engine.
void EngineDriver::TakeNotesUntrusted(const Notes& notes) {
  for (const v1::WorkerEvent::Note& note : notes) {
    if (notes_.size() >= kMaxNotes) return;
    NoticeCode code = NoticeCode::kEngineNote;
    for (const NoticeCode known :
         {NoticeCode::kNanWeights, NoticeCode::kNanOutputs, NoticeCode::kInputsOverwritten}) {
      if (note.code() == CodeName(known)) code = known;
    }
    notes_.push_back({code, Printable(note.text(), kMaxTextBytes)});
  }
}

absl::Status EngineDriver::Idle(Nanoseconds time) {
  const absl::StatusOr<std::optional<v1::WorkerEvent>> event = Pump(clock_.Now() + time);
  if (!event.ok()) return event.status();
  return event->has_value() ? Unexpected(**event, "nothing") : absl::OkStatus();
}

absl::Status EngineDriver::Stop(bool politely) {
  if (!worker_) return absl::OkStatus();
  absl::Status result;
  std::optional<int> status;
  if (politely) {
    v1::WorkerCommand command;
    command.mutable_exit();
    result = Send(command);
    status = worker_->child().WaitUntil(clock_.Now() + limits_.exit, clock_);
    if (!status.has_value()) {
      result = absl::DeadlineExceededError(fmt::format(
          "the engine did not end within {} s of being asked to", limits_.exit.seconds()));
    } else if (*status != 0) {
      result = absl::InternalError(
          fmt::format("the engine {} when it was asked to end", DescribeWaitStatus(*status)));
    }
  }
  if (!status.has_value()) worker_->child().Kill();
  const absl::Status drained = Drain();
  return result.ok() && politely ? drained : result;
}

absl::Status EngineDriver::Send(const v1::WorkerCommand& command) {
  absl::Status status = worker_->Send(command, clock_.Now() + kSendPatience);
  return absl::IsUnavailable(status) ? Gone(status) : status;
}

absl::StatusOr<v1::WorkerEvent> EngineDriver::Await(Nanoseconds silence) {
  last_sign_ = clock_.Now();
  while (true) {
    absl::StatusOr<std::optional<v1::WorkerEvent>> event = Pump(last_sign_ + silence);
    if (!event.ok()) return event.status();
    if (event->has_value()) {
      if ((*event)->has_failed())
        return EngineSaidItFailed(spec_.engine(), (*event)->failed(), operators_);
      return **std::move(event);
    }
    if (clock_.Now() - last_sign_ >= silence) {
      return absl::DeadlineExceededError(
          fmt::format("the engine {} hangs {}: no sign of life for {:g} s; it was killed",
                      spec_.engine(), Where(), silence.seconds()));
    }
  }
}

absl::StatusOr<std::optional<v1::WorkerEvent>> EngineDriver::Pump(MonotonicTime until) {
  while (true) {
    if (cancel_.cancelled()) return absl::CancelledError(cancel_.reason());
    const MonotonicTime now = clock_.Now();
    if (now >= next_drain_) {
      if (absl::Status status = Drain(); !status.ok()) return status;
      next_drain_ = now + limits_.drain_period;
    }
    absl::StatusOr<std::optional<v1::WorkerEvent>> event = worker_->NextEvent();
    if (!event.ok()) return Gone(event.status());
    if (event->has_value()) return event;
    if (now >= deadline_) {
      return absl::DeadlineExceededError(fmt::format(
          "the time limit of {:g} s ran out on the engine {} {}; allow more time or ask for less",
          time_limit_s_, spec_.engine(), Where()));
    }
    if (now >= until) return std::nullopt;
    worker_->Wait(std::min({next_drain_, until, deadline_}), cancel_.fd(), clock_);
  }
}

absl::Status EngineDriver::Drain() {
  const uint64_t before = activity_.markers;
  activity_ = feed_.Drain(&markers_);
  const uint64_t captured = worker_->captured_bytes();
  if (activity_.markers > before || captured > captured_bytes_) last_sign_ = clock_.Now();
  captured_bytes_ = captured;
  if (absl::Status status = on_tick_(activity_, markers_); !status.ok()) return status;
  if (activity_.garbage > 0) {
    return absl::DataLossError(fmt::format(
        "the engine {} wrote markers that cannot be true ({}: {}), so nothing that it said is "
        "believed; it is broken, hostile or not made for this synergyd",
        spec_.engine(), activity_.garbage, activity_.first_garbage));
  }
  if (!activity_.ring.ok()) {
    return absl::DataLossError(
        fmt::format("the engine {} damaged its marker ring {}: {}; it is broken or hostile",
                    spec_.engine(), Where(), std::string(activity_.ring.message())));
  }
  return absl::OkStatus();
}

absl::Status EngineDriver::TakeOperators(v1::OperatorTable operators) {
  last_sign_ = clock_.Now();
  if (!operators_.operators().empty()) {
    return absl::DataLossError("the engine described the net's operators twice");
  }
  absl::Status status = CheckOperatorsUntrusted(operators, operator_count_);
  if (status.ok()) operators_ = std::move(operators);
  return status;
}

absl::Status EngineDriver::Gone(const absl::Status& why) {
  std::optional<int> status = worker_->child().WaitUntil(clock_.Now() + kDeathPatience, clock_);
  if (!status.has_value()) worker_->child().Kill();
  const absl::Status drained = Drain();  // says where it was; a complaint would hide the cause
  return EngineGone({.engine = spec_.engine(),
                     .wait_status = status,
                     .connection = why,
                     .where = Where(),
                     .last_line = worker_->last_log_line(),
                     .markers = drained});
}

absl::Status EngineDriver::Unexpected(const v1::WorkerEvent& event, const char* instead_of) const {
  return EngineOutOfTurn(spec_.engine(), event, instead_of);
}

std::string EngineDriver::Where() const { return WhereText(activity_.current, operators_); }

}  // namespace synergy
