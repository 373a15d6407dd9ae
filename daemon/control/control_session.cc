#include "daemon/control/control_session.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "absl/time/time.h"
#include "common/printable.h"
#include "daemon/control/memory_file.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr size_t kMaxTextBytes = 8 << 10;

// While a job runs, a client's bytes are hashed and written by what it and the measuring leave of
// the CPU. On Linux a nice value is a thread's own; only root may lower it again.
void YieldCpu(bool yield) {
  constexpr int kNice = 10;
  if (geteuid() == 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), yield ? kNice : 0);
}

size_t ExpectedFds(const v1::ControlRequest& request) {
  if (request.has_submit()) return 2;
  return request.has_append_object() ? 1 : 0;
}

}  // namespace

ControlSession::ControlSession(UniqueFd socket, JobQueue& queue, ClockControl* clocks)
    : channel_(std::move(socket)),
      queue_(queue),
      holds_(clocks),
      sender_([this] { SendNews(); }),
      submissions_(kMaxSubmissions),
      appends_(kMaxAppends),
      asked_(kMaxAsked),
      clock_work_(kMaxClockWork) {}

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
  channel_.Shutdown();
}

void ControlSession::Flush(Nanoseconds patience) {
  const auto sent = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return news_.empty() && !sending_; };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&sent), absl::Nanoseconds(patience.count));
}

absl::Status ControlSession::Handle(const v1::ControlRequest& request, std::vector<UniqueFd> fds) {
  const uint64_t id = request.id();
  if (id == 0) {
    return absl::InvalidArgumentError("the front sent a request without an id: it is broken");
  }
  if (fds.size() != ExpectedFds(request)) {
    Answer(id, absl::InvalidArgumentError(
                   fmt::format("a request came with {} descriptors instead of {}", fds.size(),
                               ExpectedFds(request))));
    return absl::OkStatus();
  }
  switch (request.request_case()) {
    case v1::ControlRequest::kSubmit:
      HandleSubmit(request, std::move(fds));
      break;
    case v1::ControlRequest::kCancel:
      AnswerJob(id, queue_.Cancel(request.cancel().run_id()));
      break;
    case v1::ControlRequest::kOpenRun:
      AnswerFile(id, queue_.OpenRun(request.open_run().run_id()));
      break;
    case v1::ControlRequest::kOpenTruth:
      AnswerFile(id, queue_.OpenTruth(request.open_truth().run_id()));
      break;
    case v1::ControlRequest::kOpenOutputs:
      AnswerFile(id, queue_.OpenOutputs(request.open_outputs().run_id()));
      break;
    case v1::ControlRequest::kQueryObject:
      HandleQuery(request);
      break;
    case v1::ControlRequest::kAppendObject:
      HandleAppend(request, std::move(fds[0]));
      break;
    case v1::ControlRequest::kDescribeEngines:
      HandleEngines(request);
      break;
    case v1::ControlRequest::kGetClocks:
    case v1::ControlRequest::kHoldClocks:
    case v1::ControlRequest::kReleaseClocks:
      HandleClocks(request);
      break;
    case v1::ControlRequest::kAcknowledge:
      Answer(id,
             queue_.Acknowledge(request.acknowledge().run_id(), request.acknowledge().next_seq()));
      break;
    default:
      Answer(id,
             absl::UnimplementedError("synergyd does not know this request: install synergyd and "
                                      "synergyd-front from the same package"));
  }
  return absl::OkStatus();
}

void ControlSession::HandleSubmit(const v1::ControlRequest& request, std::vector<UniqueFd> fds) {
  for (const UniqueFd& fd : fds) {
    if (IsMemoryFile(fd.get())) continue;
    return Answer(request.id(), absl::InvalidArgumentError("a submitted net is no file in memory"));
  }
  const bool taken =
      submissions_.Push([this, id = request.id(), spec = request.submit().spec(),
                         predict_net = std::move(fds[0]), init_net = std::move(fds[1])] {
        AnswerJob(id, queue_.Submit(spec, predict_net, init_net, &stop_working_));
      });
  if (taken) return;
  Answer(request.id(), absl::ResourceExhaustedError(
                           "Too many nets are being submitted at the same time; try again"));
}

void ControlSession::HandleAppend(const v1::ControlRequest& request, UniqueFd file) {
  if (!IsMemoryFile(file.get())) {
    return Answer(request.id(),
                  absl::InvalidArgumentError("a part of an object is no file in memory"));
  }
  const bool taken = appends_.Push([this, id = request.id(), append = request.append_object(),
                                    file = std::move(file)] {
    YieldCpu(queue_.IsRunningAJob());
    AnswerObject(id, queue_.AppendObject(append.object(), append.offset(), file, &stop_working_));
  });
  if (taken) return;
  Answer(request.id(), absl::ResourceExhaustedError(
                           "Too many objects are being uploaded at the same time; try again"));
}

void ControlSession::HandleQuery(const v1::ControlRequest& request) {
  if (request.query_object().sha256().empty()) {  // of the store alone: nothing is hashed
    return AnswerObject(request.id(), queue_.QueryObject(request.query_object()));
  }
  const bool taken = appends_.Push([this, id = request.id(), object = request.query_object()] {
    YieldCpu(queue_.IsRunningAJob());
    AnswerObject(id, queue_.QueryObject(object, &stop_working_));
  });
  if (taken) return;
  Answer(request.id(), absl::ResourceExhaustedError(
                           "Too many objects are being uploaded at the same time; try again"));
}

void ControlSession::HandleEngines(const v1::ControlRequest& request) {
  const std::string& wanted = request.describe_engines().wanted();
  if (!queue_.IsToBeAsked(wanted)) return AnswerEngines(request.id(), queue_.DescribeEngines(""));
  const bool taken = asked_.Push(
      [this, id = request.id(), wanted] { AnswerEngines(id, queue_.DescribeEngines(wanted)); });
  if (taken) return;
  Answer(request.id(), absl::ResourceExhaustedError(
                           "Too many engines are being asked at the same time; try again"));
}

void ControlSession::HandleClocks(const v1::ControlRequest& request) {
  const bool taken = clock_work_.Push([this, request] {
    absl::StatusOr<v1::ControlEvent> event = holds_.Handle(request);
    if (!event.ok() || event->event_case() == v1::ControlEvent::EVENT_NOT_SET) {
      return Answer(request.id(), event.status());
    }
    event->set_id(request.id());
    if (absl::Status sent = Send(*event); absl::IsResourceExhausted(sent)) {
      holds_.Unanswered(request);
      Answer(request.id(), sent);
    }
  });
  if (taken) return;
  Answer(request.id(),
         absl::ResourceExhaustedError("Too many ask about clocks at the same time; try again"));
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
