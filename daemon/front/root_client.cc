#include "daemon/front/root_client.h"

#include <sys/eventfd.h>

#include <utility>

#include "absl/time/time.h"
#include "daemon/front/caller.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {

absl::StatusOr<FrontStart> ReceiveStart(ControlChannel* channel) {
  v1::ControlEvent event;
  std::vector<UniqueFd> fds;
  if (absl::Status status = channel->Receive(&event, &fds); !status.ok()) return status;
  const size_t listeners = static_cast<size_t>(event.start().listeners_size());
  if (!event.has_start() || fds.size() != listeners + 2) {
    return absl::FailedPreconditionError(
        fmt::format("The first message on the control channel is no Start with a ring, an eventfd "
                    "and {} listeners "
                    "(it has {} descriptors): synergyd and synergyd-front are of different "
                    "versions, install both "
                    "from the same package",
                    listeners, fds.size()));
  }
  FrontStart start{.board = event.start().board(),
                   .telemetry_ring = std::move(fds[0]),
                   .news = std::move(fds[1]),
                   .listeners = {},
                   .tls = event.start().tls(),
                   .owner = event.start().owner_uid()};
  for (size_t i = 0; i < listeners; ++i) {
    start.listeners.push_back(
        {event.start().listeners(static_cast<int>(i)).address(), std::move(fds[i + 2])});
  }
  return start;
}

RootClient::RootClient(std::unique_ptr<ControlChannel> channel, News& news, Nanoseconds patience,
                       OnClients on_clients)
    : channel_(std::move(channel)),
      news_(news),
      patience_(patience),
      on_clients_(std::move(on_clients)),
      lost_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Listen(); }) {}

RootClient::~RootClient() { channel_->Shutdown(); }

absl::Status RootClient::lost() const {
  absl::MutexLock lock(&mutex_);
  return lost_;
}

absl::StatusOr<v1::JobStatus> RootClient::AskForJob(v1::ControlRequest request,
                                                    std::span<const int> fds,
                                                    Nanoseconds patience) {
  absl::StatusOr<Answer> answer = Ask(std::move(request), fds, patience);
  if (!answer.ok()) return answer.status();
  if (!answer->event.has_job())
    return absl::InternalError("synergyd answered without the job's status");
  return std::move(*answer->event.mutable_job());
}

absl::StatusOr<UniqueFd> RootClient::AskForFile(v1::ControlRequest request) {
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  if (answer->fds.size() != 1)
    return absl::InternalError("synergyd answered without the run's file");
  return std::move(answer->fds[0]);
}

RootClient::Pending::~Pending() {
  if (id_ == 0) return;
  absl::MutexLock lock(&client_->mutex_);
  if (answer_.arrived || !sent_.ok()) {
    client_->waiting_.erase(id_);
  } else {
    client_->waiting_[id_] = nullptr;
  }
}

void RootClient::Begin(v1::ControlRequest request, std::span<const int> fds, Nanoseconds patience,
                       Pending* pending) {
  if (CallerScope::current() != nullptr) *request.mutable_caller() = CallerScope::current()->wire;
  {
    absl::MutexLock lock(&mutex_);
    pending->sent_ = lost_;
    if (!lost_.ok()) return;
    request.set_id(next_id_++);
    waiting_.emplace(request.id(), &pending->answer_);
  }
  pending->id_ = request.id();
  pending->patience_ = patience;
  pending->sent_ = channel_->Send(request, fds, patience);
}

absl::StatusOr<RootClient::Answer> RootClient::Await(Pending& pending) {
  Answer& answer = pending.answer_;
  absl::MutexLock lock(&mutex_);
  if (pending.sent_.ok()) {
    const auto done = [this, &answer]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return answer.arrived || !lost_.ok();
    };
    mutex_.AwaitWithTimeout(absl::Condition(&done), absl::Nanoseconds(pending.patience_.count));
  }
  // An answer that comes later finds nobody.
  waiting_.erase(std::exchange(pending.id_, 0));
  if (answer.arrived) {
    const auto code = static_cast<absl::StatusCode>(answer.event.code());
    if (code != absl::StatusCode::kOk) return absl::Status(code, answer.event.text());
    return std::move(answer);
  }
  if (!lost_.ok()) return lost_;
  if (pending.sent_.code() == absl::StatusCode::kResourceExhausted) return pending.sent_;
  return absl::UnavailableError(
      fmt::format("synergyd did not answer within {} s: it is overloaded or hangs; try again",
                  pending.patience_.seconds()));
}

absl::StatusOr<RootClient::Answer> RootClient::Ask(v1::ControlRequest request,
                                                   std::span<const int> fds, Nanoseconds patience) {
  Pending pending(this);
  Begin(std::move(request), fds, patience, &pending);
  return Await(pending);
}

void RootClient::Listen() {
  for (;;) {
    v1::ControlEvent event;
    std::vector<UniqueFd> fds;
    if (absl::Status status = channel_->Receive(&event, &fds); !status.ok()) return Lose(status);
    if (event.id() != 0) {
      TakeAnswer(std::move(event), std::move(fds));
    } else {
      TakeNews(event);
    }
  }
}

void RootClient::TakeAnswer(v1::ControlEvent event, std::vector<UniqueFd> fds) {
  absl::MutexLock lock(&mutex_);
  const auto waiting = waiting_.find(event.id());
  if (waiting == waiting_.end()) {
    spdlog::warn("synergyd answered request {} too late, or twice", event.id());
    return;
  }
  if (waiting->second == nullptr) {
    waiting_.erase(waiting);
    return;
  }
  waiting->second->event = std::move(event);
  waiting->second->fds = std::move(fds);
  waiting->second->arrived = true;
}

void RootClient::TakeNews(const v1::ControlEvent& event) {
  if (event.has_job()) {
    jobs_.Update(event.job());
  } else if (event.has_removed()) {
    jobs_.Remove(event.removed().run_id());
  } else if (event.has_quotas()) {
    watch_rate_hz_ = event.quotas().watch_rate_hz();
    return;
  } else if (event.has_clients()) {
    if (on_clients_) on_clients_(event.clients());
    // The root side tells the clients first when it has told all jobs.
    absl::MutexLock lock(&mutex_);
    told_all_ = true;
    return;
  } else {
    spdlog::warn("synergyd sent news that this front does not understand");
    return;
  }
  news_.Publish();
}

absl::Status RootClient::AwaitJobs(Nanoseconds patience) {
  const auto done = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return told_all_ || !lost_.ok(); };
  absl::MutexLock lock(&mutex_);
  if (mutex_.AwaitWithTimeout(absl::Condition(&done), absl::Nanoseconds(patience.count))) {
    return lost_;
  }
  return absl::UnavailableError("synergyd does not tell its front the jobs: it hangs");
}

void RootClient::Lose(const absl::Status& why) {
  {
    absl::MutexLock lock(&mutex_);
    lost_ = absl::UnavailableError(
        fmt::format("The connection between synergyd-front and synergyd is lost ({}); try again",
                    why.ToString()));
  }
  eventfd_write(lost_fd_.get(), 1);
  news_.Publish();
}

}  // namespace synergy
