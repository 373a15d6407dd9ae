#include "daemon/worker/protocol_session.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/descriptors.h"
#include "common/iteration_pause.h"
#include "common/marker_ring.h"
#include "common/worker_protocol.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
// Far above any text of ours; an exception's text holds whole operators.
constexpr size_t kMaxErrorText = 4000;
constexpr size_t kMaxCountedThreads = 1024;

class Session {
 public:
  Session(Engine& engine, int fd) : engine_(engine), fd_(fd), receiver_(fd) {}

  int Serve() {
    v1::WorkerEvent event;
    event.mutable_hello()->set_protocol_version(kWorkerProtocolVersion);
    event.mutable_hello()->set_engine(engine_.name());
    event.mutable_hello()->set_engine_version(engine_.version());
    event.mutable_hello()->set_max_threads(engine_.max_threads());
    absl::Status status = Send(event);
    while (status.ok()) {
      v1::WorkerCommand command;
      absl::StatusOr<bool> received = receiver_.ReceiveUntrusted(&command, std::nullopt);
      if (!received.ok()) {
        status = received.status();
        break;
      }
      if (!*received || command.has_exit()) return kExitOk;
      status = Answer(command);
    }
    return Fail(status);
  }

 private:
  absl::Status Answer(const v1::WorkerCommand& command) {
    switch (command.command_case()) {
      case v1::WorkerCommand::kLoad:
        return AnswerLoad(command.load());
      case v1::WorkerCommand::kRun:
        return AnswerRun(command.run());
      case v1::WorkerCommand::kLoop:
        return AnswerLoop(command.loop());
      case v1::WorkerCommand::kCount:
        return AnswerCount(command.count());
      case v1::WorkerCommand::kWriteOutputs:
        return AnswerWriteOutputs();
      default:
        return absl::InvalidArgumentError(
            "the daemon sent a command that this engine does not know; install the daemon and the "
            "engines of one version");
    }
  }

  absl::Status AnswerLoad(const v1::WorkerCommand::Load& load) {
    if (load.protocol_version() != kWorkerProtocolVersion) {
      return absl::FailedPreconditionError(fmt::format(
          "the daemon speaks version {} of the engine protocol, {} speaks version {}; install the "
          "daemon and the engines of one version",
          load.protocol_version(), engine_.name(), kWorkerProtocolVersion));
    }
    if (loaded_) return absl::FailedPreconditionError("the daemon sent Load twice");
    if (load.threads() < 1) return absl::InvalidArgumentError("0 threads; ask for at least 1");
    absl::StatusOr<v1::WorkerEvent::Loaded> loaded = engine_.Load(load);
    if (!loaded.ok()) return loaded.status();
    loaded_ = true;
    v1::WorkerEvent event;
    *event.mutable_loaded() = *std::move(loaded);
    return Send(event);
  }

  absl::Status AnswerRun(const v1::WorkerCommand::Run& run) {
    if (!loaded_) return absl::FailedPreconditionError("the daemon sent Run before Load");
    if (run.phase() != v1::PHASE_WARMUP && run.phase() != v1::PHASE_MEASURE) {
      return absl::InvalidArgumentError(fmt::format(
          "Run in phase {}: it must be warm-up or measure", static_cast<int>(run.phase())));
    }
    if (run.count() < 1 ||
        run.count() - 1 > std::numeric_limits<uint32_t>::max() - run.first_iteration()) {
      return absl::InvalidArgumentError(
          fmt::format("Run of {} iterations from {}: ask for at least 1 and at most 2^32 in all",
                      run.count(), run.first_iteration()));
    }
    if (run.longest_pause_ns() > static_cast<uint64_t>(kLongestPause.count)) {
      return absl::InvalidArgumentError(
          fmt::format("Run with pauses of up to {} ns: {:g} s is the longest",
                      run.longest_pause_ns(), kLongestPause.seconds()));
    }
    absl::Status status = engine_.Run(run, [this](const v1::OperatorTable& operators) {
      v1::WorkerEvent event;
      *event.mutable_operators() = operators;
      return Send(event);
    });
    if (!status.ok()) return status;
    ran_ = true;
    v1::WorkerEvent event;
    event.mutable_block_done()->set_first_iteration(run.first_iteration());
    event.mutable_block_done()->set_count(run.count());
    return Send(event);
  }

  absl::Status AnswerLoop(const v1::WorkerCommand::Loop& loop) {
    if (!ran_) return absl::FailedPreconditionError("the daemon sent Loop before Run");
    if (loop.most() < 1) {
      return absl::InvalidArgumentError("Loop of 0 executions: ask for at least 1");
    }
    absl::StatusOr<v1::WorkerEvent::LoopDone> done = engine_.Loop(loop);
    if (!done.ok()) return done.status();
    v1::WorkerEvent event;
    *event.mutable_loop_done() = *std::move(done);
    return Send(event);
  }

  absl::Status AnswerCount(const v1::WorkerCommand::Count& count) {
    if (!ran_) return absl::FailedPreconditionError("the daemon sent Count before Run");
    if (counting_) return absl::FailedPreconditionError("the daemon sent Count twice");
    size_t events = 0;
    for (const uint32_t of_group : count.group_events()) {
      if (of_group < 1 || of_group > kMaxCountedEvents) events = kMaxCountedEvents;
      events += of_group;
    }
    const auto threads = static_cast<size_t>(count.threads_size());
    if (events < 1 || events > kMaxCountedEvents || threads < 1 || threads > kMaxCountedThreads) {
      return absl::InvalidArgumentError(
          fmt::format("Count of {} events in {} threads: 1 to {} events, 1 to {} threads", events,
                      threads, kMaxCountedEvents, kMaxCountedThreads));
    }
    absl::StatusOr<std::vector<UniqueFd>> fds = ReceiveFds(fd_, events * threads);
    if (!fds.ok()) return fds.status();
    absl::StatusOr<v1::WorkerEvent::Counting> counting = engine_.Count(count, *std::move(fds));
    if (!counting.ok()) return counting.status();
    counting_ = true;
    v1::WorkerEvent event;
    *event.mutable_counting() = *std::move(counting);
    return Send(event);
  }

  absl::Status AnswerWriteOutputs() {
    if (!ran_) return absl::FailedPreconditionError("the daemon sent WriteOutputs before Run");
    absl::StatusOr<v1::WorkerEvent::OutputsWritten> written = engine_.WriteOutputs();
    if (!written.ok()) return written.status();
    v1::WorkerEvent event;
    *event.mutable_outputs_written() = *std::move(written);
    return Send(event);
  }

  absl::Status Send(const v1::WorkerEvent& event) {
    absl::Status status = SendFrame(fd_, event, std::nullopt);
    sendable_ = status.ok();
    return status;
  }

  int Fail(const absl::Status& status) {
    const std::string text(status.message().substr(0, kMaxErrorText));
    spdlog::error("{}", text);
    if (!sendable_) return kExitFailed;
    v1::WorkerEvent event;
    event.mutable_failed()->set_text(text);
    if (const std::optional<uint32_t> op = engine_.failed_operator()) {
      event.mutable_failed()->set_in_operator(true);
      event.mutable_failed()->set_op_index(*op);
    }
    if (absl::Status sent = Send(event); !sent.ok()) spdlog::error("{}", sent.ToString());
    return kExitFailed;
  }

  Engine& engine_;
  int fd_;
  FrameReceiver receiver_;
  bool loaded_ = false;
  bool ran_ = false;
  bool counting_ = false;
  bool sendable_ = true;
};

}  // namespace

int ServeEngine(Engine& engine, int control_fd) { return Session(engine, control_fd).Serve(); }

}  // namespace synergy
