#include "client/commands/board_link.h"

#include <fmt/format.h>

#include <utility>

#include "client/commands/exit_code.h"

namespace synergy {

absl::StatusOr<std::unique_ptr<BoardLink>> BoardLink::Open(const std::string& host,
                                                           const std::string& engine) {
  const std::string where = host.empty() ? DefaultHost() : host;
  absl::StatusOr<std::unique_ptr<DeviceClient>> client = DeviceClient::Connect(where);
  if (absl::IsInvalidArgument(client.status())) return Ending(ExitCode::kUsage, client.status());
  // Of the socket's file: a daemon that refuses a role does so after the handshake.
  if (absl::IsPermissionDenied(client.status())) {
    return Ending(ExitCode::kNotReached, client.status());
  }
  if (!client.ok()) return FromDevice(client.status());
  absl::StatusOr<v1::BoardInfo> board = (*client)->DescribeBoard(engine);
  if (!board.ok()) return FromDevice(board.status());
  return std::unique_ptr<BoardLink>(new BoardLink(where, *std::move(client), *std::move(board)));
}

std::shared_ptr<DeviceClient> BoardLink::client() const {
  const absl::MutexLock lock(&mutex_);
  return client_;
}

absl::StatusOr<std::vector<v1::JobStatus>> BoardLink::List() { return client()->List(); }

absl::StatusOr<v1::QueueState> BoardLink::Queue() {
  absl::StatusOr<v1::QueueState> queue = client()->DescribeQueue();
  if (absl::IsUnimplemented(queue.status())) return v1::QueueState();  // a daemon of before
  return queue;
}

absl::StatusOr<BoardJobs> BoardLink::Jobs() {
  absl::StatusOr<std::vector<v1::JobStatus>> jobs = List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  const absl::StatusOr<v1::QueueState> queue = Queue();
  if (!queue.ok()) return FromDevice(queue.status());
  return BoardJobs{.board_id = board_.board_id(),
                   .jobs = *std::move(jobs),
                   .evicted = {queue->evicted().begin(), queue->evicted().end()}};
}

absl::StatusOr<v1::JobStatus> BoardLink::Follow(const std::string& run_id, uint64_t from_seq,
                                                const DeviceClient::Follower& follower,
                                                std::stop_token stop) {
  return client()->Follow(run_id, from_seq, follower, stop);
}

absl::Status BoardLink::Acknowledge(const std::string& run_id, uint64_t next_seq) {
  return client()->Acknowledge(run_id, next_seq);
}

absl::StatusOr<v1::RunTruth> BoardLink::Truth(const std::string& run_id) {
  return client()->Truth(run_id);
}

absl::Status BoardLink::Outputs(const std::string& run_id,
                                const std::function<absl::Status(std::string_view part)>& on_part,
                                std::stop_token stop) {
  return client()->Outputs(run_id, on_part, stop);
}

absl::Status BoardLink::Log(const std::string& run_id,
                            const std::function<absl::Status(std::string_view part)>& on_part) {
  return client()->Log(run_id, on_part);
}

absl::Status BoardLink::AwaitBoard(const absl::Status& lost, std::stop_token stop) {
  PrintNote(fmt::format("lost the board ({}); looking for it", std::string(lost.message())));
  Clock& clock = RealClock();
  const MonotonicTime limit = clock.Now() + kReconnectFor;
  while (!stop.stop_requested()) {
    const MonotonicTime now = clock.Now();
    const absl::Status back = Reconnect();
    if (ExitCodeOf(back) != ExitCode::kNotReached) return back;
    if (now >= limit) return lost;
    clock.SleepUntil(now + Milliseconds(250));
  }
  return absl::CancelledError("stopped while the board was away");
}

absl::Status BoardLink::Reconnect() {
  absl::StatusOr<std::unique_ptr<DeviceClient>> client = DeviceClient::Connect(host_, Seconds(1));
  if (!client.ok()) return FromDevice(client.status());
  if ((*client)->peer().board_id() != board_.board_id()) {
    return Ending(
        ExitCode::kRefused,
        absl::FailedPreconditionError(fmt::format(
            "another board answers at {} now: {} instead of {}. Name the host of the board "
            "with --host.",
            host_, (*client)->peer().board_id(), board_.board_id())));
  }
  const absl::MutexLock lock(&mutex_);
  client_ = *std::move(client);
  return absl::OkStatus();
}

}  // namespace synergy
