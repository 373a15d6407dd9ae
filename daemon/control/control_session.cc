#include "daemon/control/control_session.h"

#include <utility>

#include "absl/time/time.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxTextBytes = 8 << 10;

}  // namespace

ControlSession::ControlSession(UniqueFd socket, JobQueue& queue, ClockControl* clocks,
                               const Diagnose& diagnose, const DescribeSources& sources,
                               AccessFolder* access)
    : channel_(std::move(socket)),
      queue_(queue),
      diagnose_(diagnose),
      sources_(sources),
      access_(access),
      holds_(clocks),
      sender_([this] { SendNews(); }),
      submissions_(kMaxSubmissions),
      appends_(kMaxAppends),
      asked_(kMaxAsked),
      clock_work_(kMaxClockWork),
      diagnoses_(kMaxDiagnoses) {}

ControlSession::~ControlSession() { Close(); }

absl::Status ControlSession::SendStart(const v1::ControlEvent& start, std::span<const int> fds) {
  return channel_.Send(start, fds);
}

absl::Status ControlSession::Run() {
  while (true) {
    v1::ControlRequest request;
    std::vector<UniqueFd> fds;
    absl::Status status = channel_.Receive(&request, &fds);
    if (status.ok()) status = Handle(request, std::move(fds));
    if (!status.ok()) return status;
  }
}

void ControlSession::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    stop_working_ = true;
  }
  submissions_.Close();
  appends_.Close();
  asked_.Close();
  clock_work_.Close();
  diagnoses_.Close();
  channel_.Shutdown();
}

void ControlSession::Flush(Nanoseconds patience) {
  const auto sent = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return news_.empty() && !sending_; };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&sent), absl::Nanoseconds(patience.count));
}

void ControlSession::SendNews() {
  const auto something = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closing_ || !news_.empty();
  };
  while (true) {
    v1::ControlEvent event;
    {
      absl::MutexLock lock(&mutex_);
      sending_ = false;
      mutex_.Await(absl::Condition(&something));
      if (closing_) return;
      sending_ = true;
      event = std::move(news_.front().second);
      news_.pop_front();
    }
    Send(event).IgnoreError();  // Send has dealt with it
  }
}

void ControlSession::Tell(v1::ControlEvent event, const std::string& run_id) {
  absl::MutexLock lock(&mutex_);
  for (auto& [of, waiting] : news_) {
    if (of != run_id || waiting.event_case() != event.event_case()) continue;
    waiting = std::move(event);
    return;
  }
  news_.emplace_back(run_id, std::move(event));
}

void ControlSession::TellJob(const v1::JobStatus& job) {
  v1::ControlEvent event;
  *event.mutable_job() = job;
  Tell(std::move(event), job.run_id());
}

void ControlSession::TellRemoved(const std::string& run_id) {
  v1::ControlEvent event;
  event.mutable_removed()->set_run_id(run_id);
  Tell(std::move(event), run_id);
}

v1::ControlEvent ControlSession::ClientsNow() const {
  v1::ControlEvent event;
  v1::ClientBook& book = *event.mutable_clients();  // also where it is empty
  if (access_ == nullptr) return event;
  const v1::ClientBook all = access_->clients();
  for (const v1::ClientRecord& client : all.clients()) {
    if (!client.revoked()) *book.add_clients() = client;
  }
  return event;
}

void ControlSession::TellClients() { Tell(ClientsNow(), ""); }

v1::ControlEvent ControlSession::QuotasNow() const {
  v1::ControlEvent event;
  *event.mutable_quotas() = queue_.quotas().limits();
  return event;
}

void ControlSession::TellQuotas() { Tell(QuotasNow(), ""); }

void ControlSession::AnswerJob(uint64_t id, const absl::StatusOr<v1::JobStatus>& job) {
  if (!job.ok()) return Answer(id, job.status());
  v1::ControlEvent event;
  event.set_id(id);
  *event.mutable_job() = *job;
  if (absl::Status sent = Send(event); absl::IsResourceExhausted(sent)) Answer(id, sent);
}

void ControlSession::AnswerObject(uint64_t id, const absl::StatusOr<ObjectState>& object) {
  if (!object.ok()) return Answer(id, object.status());
  v1::ControlEvent event;
  event.set_id(id);
  event.mutable_object()->set_complete(object->complete);
  event.mutable_object()->set_bytes(object->bytes);
  event.mutable_object()->set_store_bytes(object->store_bytes);
  event.mutable_object()->set_store_quota_bytes(object->store_quota_bytes);
  event.mutable_object()->set_damaged(object->damaged);
  Send(event).IgnoreError();  // Send has dealt with it
}

void ControlSession::AnswerEngines(uint64_t id, const std::vector<v1::EngineInfo>& engines) {
  v1::ControlEvent event;
  event.set_id(id);
  v1::ControlEvent::Engines& list = *event.mutable_engines();
  for (const v1::EngineInfo& engine : engines) *list.add_engines() = engine;
  if (absl::Status sent = Send(event); absl::IsResourceExhausted(sent)) Answer(id, sent);
}

void ControlSession::AnswerSources(uint64_t id) {
  v1::ControlEvent event;
  event.set_id(id);
  for (v1::SourceInfo& source : sources_()) {
    *event.mutable_sources()->add_sources() = std::move(source);
  }
  if (absl::Status sent = Send(event); absl::IsResourceExhausted(sent)) Answer(id, sent);
}

void ControlSession::AnswerFile(uint64_t id, const absl::StatusOr<UniqueFd>& file) {
  if (!file.ok()) return Answer(id, file.status());
  v1::ControlEvent event;
  event.set_id(id);
  const int fds[] = {file->get()};
  Send(event, fds).IgnoreError();  // Send has dealt with it
}

void ControlSession::Answer(uint64_t id, const absl::Status& status) {
  v1::ControlEvent event;
  event.set_id(id);
  event.set_code(static_cast<uint32_t>(status.code()));
  event.set_text(Printable(std::string(status.message()), kMaxTextBytes));
  Send(event).IgnoreError();  // Send has dealt with it
}

// A front that does not take what it is sent is of no more use: ending the channel ends it. A
// message that is too long is our own mistake and costs only itself: it would be as long for the
// next front.
absl::Status ControlSession::Send(const v1::ControlEvent& event, std::span<const int> fds) {
  Audit(event);
  absl::Status status = channel_.Send(event, fds);
  if (status.ok()) return status;
  if (!absl::IsUnavailable(status)) {
    spdlog::error("{}{}", event.has_job() ? "News of " + event.job().run_id() + " left out: " : "",
                  status.ToString());
  }
  if (!absl::IsResourceExhausted(status)) channel_.Shutdown();
  return status;
}

}  // namespace synergy
