// The requests of a front; what is sent to it is in control_session.cc.
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "common/roles.h"
#include "daemon/access/pairing_host.h"
#include "daemon/control/caller_check.h"
#include "daemon/control/control_session.h"
#include "daemon/control/memory_file.h"
#include "fmt/format.h"

namespace synergy {
namespace {

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
  if (MayAsk(request)) Dispatch(request, std::move(fds));
  return absl::OkStatus();
}

void ControlSession::Dispatch(const v1::ControlRequest& request, std::vector<UniqueFd> fds) {
  const uint64_t id = request.id();
  switch (request.request_case()) {
    case v1::ControlRequest::kSubmit:
      HandleSubmit(request, std::move(fds));
      break;
    case v1::ControlRequest::kCancel:
      AnswerJob(id, queue_.Cancel(request.cancel().run_id(), OwnerOf(request)));
      break;
    case v1::ControlRequest::kGetJob:
      AnswerJob(id, queue_.Get(request.get_job().run_id()));
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
    case v1::ControlRequest::kOpenLog:
      AnswerFile(id, queue_.OpenLog(request.open_log().run_id()));
      break;
    case v1::ControlRequest::kDescribeQueue:
      AnswerQueue(id);
      break;
    case v1::ControlRequest::kTakeLease:
      AnswerLease(request);
      break;
    case v1::ControlRequest::kReleaseLease:
      Answer(id, queue_.ReleaseLease(request.release_lease().id(), OwnerOf(request)));
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
    case v1::ControlRequest::kDiagnose:
      HandleDiagnose(request);
      break;
    case v1::ControlRequest::kDescribeSources:
      AnswerSources(id);
      break;
    case v1::ControlRequest::kAcknowledge:
      Answer(id, queue_.Acknowledge(request.acknowledge().run_id(),
                                    request.acknowledge().next_seq(), OwnerOf(request)));
      break;
    default:
      DispatchAccess(request);
  }
}

// Who may do what, and how much of it.
void ControlSession::DispatchAccess(const v1::ControlRequest& request) {
  const uint64_t id = request.id();
  switch (request.request_case()) {
    case v1::ControlRequest::kPair:
      HandlePair(request);
      break;
    case v1::ControlRequest::kRefused:
      Answer(id, absl::OkStatus());
      break;
    case v1::ControlRequest::kOpenPairing:
      HandleOpenPairing(request);
      break;
    case v1::ControlRequest::kGetQuotas:
      AnswerQuotas(request);
      break;
    case v1::ControlRequest::kSetQuotas:
      HandleSetQuotas(request);
      break;
    default:
      Answer(id,
             absl::UnimplementedError("synergyd does not know this request: install synergyd and "
                                      "synergyd-front from the same package"));
  }
}

bool ControlSession::MayAsk(const v1::ControlRequest& request) {
  const v1::ClientBook clients = access_ == nullptr ? v1::ClientBook() : access_->clients();
  const absl::Status allowed = CheckCallerUntrusted(request, clients);
  std::optional<AuditEntry> entry = AuditOf(request, clients);
  if (entry.has_value() && (request.has_acknowledge() || request.has_cancel())) {
    const absl::StatusOr<v1::JobStatus> job = queue_.Get(entry->subject);
    const bool others = queue_.IsOthers(entry->subject, OwnerOf(request));
    if (others && job.ok()) entry->subject += " of " + job->owner();
  }
  // Who waits for a lease asks for it again and again.
  const bool again = request.has_take_lease() && queue_.HasLease(request.take_lease().id());
  if (access_ != nullptr && entry.has_value() && !again) {
    const absl::MutexLock lock(&mutex_);
    asked_for_[request.id()] = *std::move(entry);
  }
  if (allowed.ok()) return true;
  Answer(request.id(), allowed);
  return false;
}

void ControlSession::Audit(const v1::ControlEvent& answer) {
  AuditEntry entry;
  {
    const absl::MutexLock lock(&mutex_);
    const auto asked_for = asked_for_.find(answer.id());
    if (asked_for == asked_for_.end()) return;
    entry = std::move(asked_for->second);
    asked_for_.erase(asked_for);
  }
  if (answer.has_object() && !answer.object().complete()) return;  // a part of one
  if (answer.has_job() && entry.subject.find(answer.job().run_id()) == std::string::npos) {
    entry.subject += " as " + answer.job().run_id();
  }
  if (answer.code() != 0) entry.refused = answer.text();
  access_->Audit(entry);
}

void ControlSession::HandlePair(const v1::ControlRequest& request) {
  if (access_ == nullptr) {
    return Answer(request.id(), absl::UnimplementedError("This daemon pairs nobody"));
  }
  absl::StatusOr<v1::PairResponse> paired = access_->PairUntrusted(request.pair());
  const std::string name = request.pair().client_name();
  const std::string from = request.pair_from().empty() ? "" : " from " + request.pair_from();
  if (!paired.ok()) {
    // Guesses end with their pairing; without one anybody could fill the log.
    if (!absl::IsNotFound(paired.status())) {
      access_->Audit({.who = "a host",
                      .what = "pairing",
                      .subject = name + from,
                      .refused = std::string(paired.status().message())});
    }
    return Answer(request.id(), paired.status());
  }
  access_->Audit({.who = "a host",
                  .what = "paired",
                  .subject = fmt::format("{} as client {}, role {}{}", name, paired->client_id(),
                                         RoleName(paired->role()), from)});
  // The front knows the client before the client knows that it may come.
  Send(ClientsNow()).IgnoreError();  // Send has dealt with it
  v1::ControlEvent event;
  event.set_id(request.id());
  *event.mutable_paired() = *std::move(paired);
  Send(event).IgnoreError();
}

// A front that has gone wrong speaks for admins, too: it must not be able to make more of them.
void ControlSession::HandleOpenPairing(const v1::ControlRequest& request) {
  if (access_ == nullptr) {
    return Answer(request.id(), absl::UnimplementedError("This daemon pairs nobody"));
  }
  const v1::Role role = request.open_pairing().role();
  if (role != v1::ROLE_WATCH && role != v1::ROLE_RUN) {
    return Answer(request.id(),
                  absl::InvalidArgumentError(
                      "A pairing is opened from here for the role watch or run; `synergyd pair "
                      "--role admin` on the board opens one for an admin"));
  }
  absl::StatusOr<std::string> host = PairingHost(*access_);
  if (!host.ok()) return Answer(request.id(), host.status());
  absl::StatusOr<std::string> code = access_->OpenPairing(role);
  if (!code.ok()) return Answer(request.id(), code.status());
  v1::ControlEvent event;
  event.set_id(request.id());
  event.mutable_pairing()->set_host(*std::move(host));
  event.mutable_pairing()->set_code(*std::move(code));
  Send(event).IgnoreError();  // Send has dealt with it
}

void ControlSession::HandleSetQuotas(const v1::ControlRequest& request) {
  absl::Status set = queue_.SetQuotas(request.set_quotas());
  if (!set.ok()) return Answer(request.id(), set);
  // The front knows them before the client knows that they hold.
  Send(QuotasNow()).IgnoreError();  // Send has dealt with it
  AnswerQuotas(request);
}

void ControlSession::HandleSubmit(const v1::ControlRequest& request, std::vector<UniqueFd> fds) {
  for (const UniqueFd& fd : fds) {
    if (IsMemoryFile(fd.get())) continue;
    return Answer(request.id(), absl::InvalidArgumentError("a submitted net is no file in memory"));
  }
  const bool taken = submissions_.Push([this, id = request.id(), spec = request.submit().spec(),
                                        by = OwnerOf(request), predict_net = std::move(fds[0]),
                                        init_net = std::move(fds[1])] {
    AnswerJob(id, queue_.Submit(spec, predict_net, init_net, &stop_working_, by));
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

JobOwner ControlSession::OwnerOf(const v1::ControlRequest& request) const {
  return synergy::OwnerOf(request, access_ == nullptr ? v1::ClientBook() : access_->clients());
}

void ControlSession::AnswerQueue(uint64_t id) {
  v1::ControlEvent event;
  event.set_id(id);
  *event.mutable_queue() = queue_.Describe();
  if (absl::Status sent = Send(event); absl::IsResourceExhausted(sent)) Answer(id, sent);
}

void ControlSession::AnswerQuotas(const v1::ControlRequest& request) {
  v1::ControlEvent event;
  event.set_id(request.id());
  *event.mutable_quota_state() = queue_.DescribeQuotas(OwnerOf(request));
  Send(event).IgnoreError();  // Send has dealt with it
}

void ControlSession::AnswerLease(const v1::ControlRequest& request) {
  const absl::StatusOr<v1::DeviceLease> lease =
      queue_.TakeLease(request.take_lease().id(), request.take_lease().for_s(), OwnerOf(request));
  if (!lease.ok()) return Answer(request.id(), lease.status());
  v1::ControlEvent event;
  event.set_id(request.id());
  *event.mutable_device_lease() = *lease;
  Send(event).IgnoreError();  // Send has dealt with it
}

void ControlSession::HandleClocks(const v1::ControlRequest& request) {
  const bool taken = clock_work_.Push([this, request] {
    std::unique_ptr<ClockGrant> grant;
    if (request.has_hold_clocks()) {
      absl::StatusOr<std::unique_ptr<ClockGrant>> granted = queue_.GrantClocks(OwnerOf(request));
      if (!granted.ok()) return Answer(request.id(), granted.status());
      grant = *std::move(granted);
    }
    absl::StatusOr<v1::ControlEvent> event = holds_.Handle(request, std::move(grant));
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

void ControlSession::HandleDiagnose(const v1::ControlRequest& request) {
  if (!diagnose_) {
    return Answer(request.id(), absl::UnimplementedError("This daemon cannot diagnose its board"));
  }
  const bool taken = diagnoses_.Push([this, request] {
    v1::ControlEvent event;
    event.set_id(request.id());
    *event.mutable_diagnosis() = diagnose_(request.diagnose());
    if (absl::Status sent = Send(event); absl::IsResourceExhausted(sent)) {
      Answer(request.id(), sent);
    }
  });
  if (taken) return;
  Answer(request.id(),
         absl::ResourceExhaustedError("Too many ask for a diagnosis at the same time; try again"));
}

}  // namespace synergy
