#include "daemon/control/control_server.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/files.h"

namespace synergy {

ControlServer::ControlServer(ControlStart start, JobQueue& queue, ClockControl* clocks,
                             ControlSession::Diagnose diagnose, UniqueFd news_fd)
    : start_(std::move(start)),
      sources_(start_.sources ? start_.sources : [this] {
        return std::vector<v1::SourceInfo>(start_.board.sources().begin(),
                                           start_.board.sources().end());
      }),
      queue_(queue),
      clocks_(clocks),
      diagnose_(std::move(diagnose)),
      news_fd_(std::move(news_fd)) {}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(
    ControlStart start, JobQueue& queue, ClockControl* clocks, ControlSession::Diagnose diagnose) {
  UniqueFd news(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!news.ok()) return FileError("Creating", "an eventfd", errno);
  return std::unique_ptr<ControlServer>(
      new ControlServer(std::move(start), queue, clocks, std::move(diagnose), std::move(news)));
}

ControlServer::~ControlServer() { queue_.SetListener(nullptr); }

absl::Status ControlServer::Serve(UniqueFd socket) {
  const auto session = std::make_shared<ControlSession>(std::move(socket), queue_, clocks_,
                                                        diagnose_, sources_, start_.access);
  v1::ControlEvent event;
  *event.mutable_start()->mutable_board() = start_.board;
  *event.mutable_start()->mutable_tls() = start_.tls;
  event.mutable_start()->set_owner_uid(geteuid());
  std::vector<int> fds = {start_.telemetry_ring, news_fd_.get()};
  for (const ControlStart::Listener& listener : start_.listeners) {
    event.mutable_start()->add_listeners()->set_address(listener.address);
    fds.push_back(listener.fd);
  }
  if (absl::Status status = session->SendStart(event, fds); !status.ok()) return status;
  {
    absl::MutexLock lock(&mutex_);
    if (shut_down_) return absl::UnavailableError("synergyd goes down");
    session_ = session;
  }
  queue_.SetListener(this);  // tells every job
  session->TellQuotas();
  session->TellClients();  // then the front knows all
  const absl::Status status = session->Run();
  absl::MutexLock lock(&mutex_);
  session_ = nullptr;
  return status;
}

void ControlServer::Flush(Nanoseconds patience) {
  std::shared_ptr<ControlSession> session;
  {
    absl::MutexLock lock(&mutex_);
    session = session_;
  }
  if (session) session->Flush(patience);
}

void ControlServer::Shutdown() {
  absl::MutexLock lock(&mutex_);
  shut_down_ = true;
  if (session_) session_->Close();
}

void ControlServer::TellClients() {
  absl::MutexLock lock(&mutex_);
  if (session_) session_->TellClients();
}

void ControlServer::SpoolGrew() { eventfd_write(news_fd_.get(), 1); }

void ControlServer::OnJob(const v1::JobStatus& job) {
  absl::MutexLock lock(&mutex_);
  if (session_) session_->TellJob(job);
}

void ControlServer::OnRemoved(const std::string& run_id) {
  absl::MutexLock lock(&mutex_);
  if (session_) session_->TellRemoved(run_id);
}

}  // namespace synergy
