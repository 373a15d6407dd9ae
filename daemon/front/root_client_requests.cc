// What RootClient asks for; how it asks is in root_client.cc.
#include <utility>

#include "daemon/front/caller.h"
#include "daemon/front/root_client.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// The root side copies the nets, up to 4 GiB, onto an SD card; and it reads an object, or its
// beginning, again where it does not know what is in it.
constexpr Nanoseconds kSubmitPatience = Seconds(300);

// Drivers take their time: a regulator's voltage ramps, cores go on and off.
constexpr Nanoseconds kClockPatience = Seconds(30);
// Of refused calls at a time.
constexpr int kMaxRefusalsAwaited = 4;

}  // namespace

absl::StatusOr<v1::JobStatus> RootClient::Submit(const v1::JobSpec& spec,
                                                 const UniqueFd& predict_net,
                                                 const UniqueFd& init_net) {
  v1::ControlRequest request;
  *request.mutable_submit()->mutable_spec() = spec;
  const int fds[] = {predict_net.get(), init_net.get()};
  absl::StatusOr<v1::JobStatus> job = AskForJob(std::move(request), fds, kSubmitPatience);
  if (job.ok()) jobs_.AddIfUnknown(*job);
  return job;
}

absl::StatusOr<v1::JobStatus> RootClient::Cancel(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_cancel()->set_run_id(run_id);
  return AskForJob(std::move(request), {}, patience_);
}

absl::StatusOr<v1::JobStatus> RootClient::GetJob(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_get_job()->set_run_id(run_id);
  return AskForJob(std::move(request), {}, patience_);
}

absl::Status RootClient::Acknowledge(const std::string& run_id, uint64_t next_seq) {
  v1::ControlRequest request;
  request.mutable_acknowledge()->set_run_id(run_id);
  request.mutable_acknowledge()->set_next_seq(next_seq);
  return Ask(std::move(request), {}, patience_).status();
}

absl::StatusOr<UniqueFd> RootClient::OpenRun(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_open_run()->set_run_id(run_id);
  return AskForFile(std::move(request));
}

absl::StatusOr<UniqueFd> RootClient::OpenTruth(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_open_truth()->set_run_id(run_id);
  return AskForFile(std::move(request));
}

absl::StatusOr<UniqueFd> RootClient::OpenOutputs(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_open_outputs()->set_run_id(run_id);
  return AskForFile(std::move(request));
}

absl::StatusOr<UniqueFd> RootClient::OpenLog(const std::string& run_id) {
  v1::ControlRequest request;
  request.mutable_open_log()->set_run_id(run_id);
  return AskForFile(std::move(request));
}

absl::StatusOr<v1::QueueState> RootClient::DescribeQueue() {
  v1::ControlRequest request;
  request.mutable_describe_queue();
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_queue());
}

absl::StatusOr<v1::DeviceLease> RootClient::TakeLease(const std::string& id, double for_s) {
  v1::ControlRequest request;
  request.mutable_take_lease()->set_id(id);
  request.mutable_take_lease()->set_for_s(for_s);
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_device_lease());
}

absl::Status RootClient::ReleaseLease(const std::string& id) {
  v1::ControlRequest request;
  request.mutable_release_lease()->set_id(id);
  return Ask(std::move(request), {}, patience_).status();
}

absl::StatusOr<v1::ControlEvent::Engines> RootClient::DescribeEngines(const std::string& wanted) {
  v1::ControlRequest request;
  request.mutable_describe_engines()->set_wanted(wanted);
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return answer->event.engines();
}

absl::StatusOr<v1::ControlEvent::Sources> RootClient::DescribeSources() {
  v1::ControlRequest request;
  request.mutable_describe_sources();
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_sources());
}

absl::StatusOr<v1::ControlEvent::ObjectState> RootClient::QueryObject(const v1::ObjectRef& object) {
  v1::ControlRequest request;
  *request.mutable_query_object() = object;
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, kSubmitPatience);
  if (!answer.ok()) return answer.status();
  return answer->event.object();
}

std::unique_ptr<RootClient::Pending> RootClient::StartAppend(const v1::ObjectRef& object,
                                                             uint64_t offset, int block) {
  v1::ControlRequest request;
  *request.mutable_append_object()->mutable_object() = object;
  request.mutable_append_object()->set_offset(offset);
  auto pending = std::make_unique<Pending>(this);
  Begin(std::move(request), std::span(&block, 1), kSubmitPatience, pending.get());
  return pending;
}

absl::StatusOr<v1::ControlEvent::ObjectState> RootClient::AwaitAppend(Pending& pending) {
  absl::StatusOr<Answer> answer = Await(pending);
  if (!answer.ok()) return answer.status();
  return answer->event.object();
}

absl::StatusOr<v1::ControlEvent::Pairing> RootClient::OpenPairing(v1::Role role) {
  v1::ControlRequest request;
  request.mutable_open_pairing()->set_role(role);
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_pairing());
}

void RootClient::TellRefused(const std::string& method, const absl::Status& why) {
  v1::ControlRequest request;
  request.mutable_refused()->set_method(method);
  request.mutable_refused()->set_why(std::string(why.message()));
  // A thread that waits here is none for other calls, and who is refused may call again at once.
  if (refusals_told_.fetch_add(1) < kMaxRefusalsAwaited) {
    Ask(std::move(request), {}, patience_).IgnoreError();  // it is refused also where nobody hears
  } else {
    Pending pending(this);
    Begin(std::move(request), {}, patience_, &pending);
  }
  --refusals_told_;
}

void RootClient::TellStranger(const std::string& from, const std::string& why) {
  v1::ControlRequest request;
  request.mutable_refused()->set_from(from);
  request.mutable_refused()->set_why(why);
  Pending pending(this);
  Begin(std::move(request), {}, patience_, &pending);
}

void RootClient::TellUnknown(const std::string& client) {
  Caller caller;
  caller.wire.set_client_id(client.empty() ? "none" : client);
  const CallerScope scope(caller);
  v1::ControlRequest request;
  request.mutable_refused()->set_method("over TLS");
  request.mutable_refused()->set_why("the board does not know this client, or has revoked it");
  Pending pending(this);
  Begin(std::move(request), {}, patience_, &pending);
}

absl::StatusOr<v1::QuotaState> RootClient::GetQuotas() {
  v1::ControlRequest request;
  request.mutable_get_quotas();
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_quota_state());
}

absl::StatusOr<v1::QuotaState> RootClient::SetQuotas(const v1::SetQuotasRequest& what) {
  v1::ControlRequest request;
  *request.mutable_set_quotas() = what;
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_quota_state());
}

absl::StatusOr<v1::PairResponse> RootClient::Pair(const v1::PairRequest& what,
                                                  const std::string& from) {
  v1::ControlRequest request;
  *request.mutable_pair() = what;
  request.set_pair_from(from);
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_paired());
}

absl::StatusOr<v1::ClockState> RootClient::GetClocks(const v1::ControlRequest::GetClocks& what) {
  v1::ControlRequest request;
  *request.mutable_get_clocks() = what;
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, patience_);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_clocks());
}

absl::StatusOr<v1::Diagnosis> RootClient::Diagnose(const v1::DiagnoseRequest& what) {
  v1::ControlRequest request;
  *request.mutable_diagnose() = what;
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, kClockPatience);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_diagnosis());
}

absl::StatusOr<std::unique_ptr<RootClient::ClockHold>> RootClient::HoldClocks(
    const v1::ClockRequest& clocks, const std::string& holder) {
  // From here on it releases: also what the root side takes after we have lost our patience.
  std::unique_ptr<ClockHold> hold(new ClockHold(this, next_hold_++));
  v1::ControlRequest request;
  request.mutable_hold_clocks()->set_hold(hold->number_);
  *request.mutable_hold_clocks()->mutable_clocks() = clocks;
  request.mutable_hold_clocks()->set_holder(holder);
  absl::StatusOr<Answer> answer = Ask(std::move(request), {}, kClockPatience);
  if (!answer.ok()) return answer.status();
  hold->lease_ = std::move(*answer->event.mutable_lease());
  return hold;
}

absl::StatusOr<v1::ClockRelease> RootClient::ClockHold::Release() {
  released_ = true;
  v1::ControlRequest request;
  request.mutable_release_clocks()->set_hold(number_);
  absl::StatusOr<Answer> answer = client_->Ask(std::move(request), {}, kClockPatience);
  if (!answer.ok()) return answer.status();
  return std::move(*answer->event.mutable_released());
}

RootClient::ClockHold::~ClockHold() {
  if (released_) return;
  const absl::Status released = Release().status();
  if (!released.ok()) spdlog::warn("Releasing the clocks: {}", released.ToString());
}

}  // namespace synergy
