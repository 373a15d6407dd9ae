#include "daemon/front/device_service.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/cpu_time.h"
#include "common/protocol.h"
#include "common/roles.h"
#include "daemon/front/caller.h"
#include "daemon/front/grpc_reply.h"
#include "daemon/front/run_follower.h"
#include "daemon/front/telemetry_decimator.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kFilePartBytes = 1u << 20;
constexpr size_t kTelemetryBatch = 256;
constexpr Nanoseconds kShortestPoll = Milliseconds(5);
constexpr Nanoseconds kLongestPoll = Milliseconds(200);  // how late a client's end may be seen

absl::Status ValidateSubmissionUntrusted(const v1::SubmitJobRequest& first) {
  if (!first.has_spec()) {
    return absl::InvalidArgumentError("The first message of a submission must hold the job's spec");
  }
  if (first.spec().ByteSizeLong() > kMaxSpecBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("The job's spec has {} bytes, at most {} are possible",
                    first.spec().ByteSizeLong(), kMaxSpecBytes));
  }
  if (first.predict_net_bytes() == 0) {
    return absl::InvalidArgumentError("The submission has no predict net: there is nothing to run");
  }
  return absl::OkStatus();
}

class GrpcFollowSink final : public FollowSink {
 public:
  GrpcFollowSink(grpc::ServerContext* context, grpc::ServerWriter<v1::FollowJobResponse>* writer)
      : context_(context), writer_(writer) {}
  bool Send(const v1::FollowJobResponse& item) override { return writer_->Write(item); }
  bool Cancelled() override { return context_->IsCancelled(); }

 private:
  grpc::ServerContext* const context_;
  grpc::ServerWriter<v1::FollowJobResponse>* const writer_;
};

// All of it, in parts.
template <typename Part>
grpc::Status SendFile(const UniqueFd& file, const std::string& what,
                      grpc::ServerWriter<Part>* writer) {
  Part part;
  off_t at = 0;
  for (;;) {
    part.mutable_data()->resize(kFilePartBytes);
    const ssize_t size = pread(file.get(), part.mutable_data()->data(), kFilePartBytes, at);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      return ToGrpc(absl::DataLossError(fmt::format("Reading {}: {}", what, strerror(errno))));
    }
    if (size == 0) return grpc::Status::OK;
    part.mutable_data()->resize(static_cast<size_t>(size));
    if (!writer->Write(part)) return grpc::Status::CANCELLED;
    at += size;
  }
}

}  // namespace

DeviceService::DeviceService(v1::BoardInfo board, RootClient& root, const News& news,
                             const TelemetryRingReader& telemetry, Clock& clock)
    : board_(std::move(board)),
      root_(root),
      news_(news),
      telemetry_(telemetry),
      clock_(clock),
      uploads_(UploadBudgetBytes()) {}

grpc::Status DeviceService::Handshake(grpc::ServerContext*, const v1::HandshakeRequest* request,
                                      v1::HandshakeResponse* response) {
  const ProtocolRange client{.oldest = request->oldest_protocol(),
                             .newest = request->newest_protocol()};
  const std::string version = request->client_version().substr(0, 64);
  absl::StatusOr<uint32_t> protocol =
      NegotiateProtocol(client, version, kProtocols, board_.daemon_version());
  if (!protocol.ok()) return ToGrpc(protocol.status());
  response->set_protocol(*protocol);
  response->set_daemon_version(board_.daemon_version());
  response->set_board_id(board_.board_id());
  if (const Caller* caller = CallerScope::current()) response->set_role(caller->role);
  return grpc::Status::OK;
}

grpc::Status DeviceService::DescribeBoard(grpc::ServerContext*,
                                          const v1::DescribeBoardRequest* request,
                                          v1::BoardInfo* response) {
  const absl::StatusOr<v1::ControlEvent::Engines> now = root_.DescribeEngines(request->engine());
  if (!now.ok()) return ToGrpc(now.status());
  absl::StatusOr<v1::ControlEvent::Sources> sources = root_.DescribeSources();
  if (!sources.ok()) return ToGrpc(sources.status());
  *response = board_;
  response->mutable_sources()->Swap(sources->mutable_sources());
  *response->mutable_engine_details() = now->engines();
  response->clear_engines();
  for (const v1::EngineInfo& engine : now->engines()) {
    if (engine.unusable().empty()) response->add_engines(engine.name());
  }
  return grpc::Status::OK;
}

grpc::Status DeviceService::Refuse(const std::string& method, const absl::Status& why) const {
  root_.TellRefused(method, why);
  return ToGrpc(why);
}

template <typename Request>
bool DeviceService::Hear(grpc::ServerContext* context, grpc::ServerReader<Request>* reader,
                         Request* request) {
  const SilentCalls::Wait wait(silent_calls_, [context] { context->TryCancel(); });
  return reader->Read(request);
}

absl::StatusOr<v1::JobStatus> DeviceService::TakeSubmission(
    grpc::ServerContext* context, grpc::ServerReader<v1::SubmitJobRequest>* reader) {
  v1::SubmitJobRequest request;
  if (!Hear(context, reader, &request)) {
    return absl::InvalidArgumentError("The first message of a submission must hold the job's spec");
  }
  if (absl::Status status = ValidateSubmissionUntrusted(request); !status.ok()) return status;
  const v1::JobSpec spec = request.spec();
  const std::string client = CallerScope::current_id();
  absl::StatusOr<NetUpload> predict =
      NetUpload::Create("predict net", request.predict_net_bytes(), &uploads_, client);
  if (!predict.ok()) return predict.status();
  absl::StatusOr<NetUpload> init =
      NetUpload::Create("init net", request.init_net_bytes(), &uploads_, client);
  if (!init.ok()) return init.status();
  while (Hear(context, reader, &request)) {
    absl::Status status;
    if (request.part_case() == v1::SubmitJobRequest::kPredictNet) {
      status = predict->Append(request.predict_net());
    } else if (request.part_case() == v1::SubmitJobRequest::kInitNet) {
      status = init->Append(request.init_net());
    } else {
      status = absl::InvalidArgumentError("After the spec a submission holds parts of nets only");
    }
    if (!status.ok()) return status;
  }
  absl::StatusOr<const UniqueFd*> predict_file = predict->Finish();
  if (!predict_file.ok()) return predict_file.status();
  absl::StatusOr<const UniqueFd*> init_file = init->Finish();
  if (!init_file.ok()) return init_file.status();
  return root_.Submit(spec, **predict_file, **init_file);
}

grpc::Status DeviceService::SubmitJob(grpc::ServerContext* context,
                                      grpc::ServerReader<v1::SubmitJobRequest>* reader,
                                      v1::JobStatus* response) {
  return Reply(TakeSubmission(context, reader), response);
}

namespace {

// Power beside what ran meanwhile tells of the net, and so does how long its iterations take, also
// by how fast records come.
void HideFromWatchers(v1::JobStatus* job) {
  job->clear_power_w();
  job->clear_iteration();
  if (HasEnded(*job)) return;
  job->clear_chunks();
  job->clear_acknowledged();
}

}  // namespace

grpc::Status DeviceService::ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                                     v1::ListJobsResponse* response) {
  for (v1::JobStatus& job : root_.jobs().List()) {
    if (OnlyWatches()) HideFromWatchers(&job);
    *response->add_jobs() = std::move(job);
  }
  return grpc::Status::OK;
}

grpc::Status DeviceService::GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                                   v1::JobStatus* response) {
  const std::shared_ptr<const TrackedJob> known = root_.jobs().Find(request->run_id());
  absl::StatusOr<v1::JobStatus> job =
      known ? known->status() : root_.GetJob(request->run_id());  // who says what became of it
  if (job.ok() && OnlyWatches()) HideFromWatchers(&*job);
  return Reply(std::move(job), response);
}

grpc::Status DeviceService::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                                      v1::JobStatus* response) {
  return Reply(root_.Cancel(request->run_id()), response);
}

grpc::Status DeviceService::FollowJob(grpc::ServerContext* context,
                                      const v1::FollowJobRequest* request,
                                      grpc::ServerWriter<v1::FollowJobResponse>* writer) {
  GrpcFollowSink sink(context, writer);
  RunFollower follower(root_, news_, clock_);
  return ToGrpc(follower.Follow(request->run_id(), request->from_seq(),
                                Milliseconds(request->pause_ms()), sink));
}

grpc::Status DeviceService::AcknowledgeChunks(grpc::ServerContext*,
                                              const v1::AcknowledgeChunksRequest* request,
                                              v1::AcknowledgeChunksResponse*) {
  return ToGrpc(root_.Acknowledge(request->run_id(), request->next_seq()));
}

grpc::Status DeviceService::OpenPairing(grpc::ServerContext*, const v1::OpenPairingRequest* request,
                                        v1::OpenPairingResponse* response) {
  const absl::StatusOr<v1::ControlEvent::Pairing> pairing = root_.OpenPairing(request->role());
  if (!pairing.ok()) return ToGrpc(pairing.status());
  response->set_host(pairing->host());
  response->set_code(pairing->code());
  return grpc::Status::OK;
}

grpc::Status DeviceService::GetTruth(grpc::ServerContext*, const v1::GetTruthRequest* request,
                                     grpc::ServerWriter<v1::TruthPart>* writer) {
  if (!board_.simulated()) {
    return ToGrpc(absl::FailedPreconditionError(
        "This board is real: nobody knows what its operators truly cost; a simulated one does"));
  }
  absl::StatusOr<UniqueFd> file = root_.OpenTruth(request->run_id());
  if (!file.ok()) return ToGrpc(file.status());
  return SendFile(*file, "the truth of run " + request->run_id(), writer);
}

grpc::Status DeviceService::GetOutputs(grpc::ServerContext*, const v1::GetOutputsRequest* request,
                                       grpc::ServerWriter<v1::OutputsPart>* writer) {
  absl::StatusOr<UniqueFd> file = root_.OpenOutputs(request->run_id());
  if (!file.ok()) return ToGrpc(file.status());
  return SendFile(*file, "the outputs of run " + request->run_id(), writer);
}

grpc::Status DeviceService::GetJobLog(grpc::ServerContext*, const v1::GetJobLogRequest* request,
                                      grpc::ServerWriter<v1::LogPart>* writer) {
  absl::StatusOr<UniqueFd> file = root_.OpenLog(request->run_id());
  if (!file.ok()) return ToGrpc(file.status());
  return SendFile(*file, "the log of run " + request->run_id(), writer);
}

grpc::Status DeviceService::QueryObject(grpc::ServerContext*, const v1::ObjectRef* request,
                                        v1::ObjectStatus* response) {
  const absl::StatusOr<v1::ControlEvent::ObjectState> state = root_.QueryObject(*request);
  if (!state.ok()) return ToGrpc(state.status());
  response->set_complete(state->complete());
  response->set_bytes(state->bytes());
  response->set_store_bytes(state->store_bytes());
  response->set_store_quota_bytes(state->store_quota_bytes());
  response->set_damaged(state->damaged());
  return grpc::Status::OK;
}

absl::StatusOr<v1::ObjectStatus> DeviceService::TakeObject(
    grpc::ServerContext* context, grpc::ServerReader<v1::UploadObjectRequest>* reader) {
  v1::UploadObjectRequest request;
  if (!Hear(context, reader, &request) || !request.has_begin()) {
    return absl::InvalidArgumentError("The first message of an upload must say of what");
  }
  const v1::ObjectRef object = request.begin().object();
  const std::string client = CallerScope::current_id();
  absl::StatusOr<std::unique_ptr<ObjectsUnderWay::Claim>> claim =
      objects_under_way_.Take(object.sha256(), client);
  if (!claim.ok()) return claim.status();
  absl::StatusOr<std::unique_ptr<ObjectUpload>> upload =
      ObjectUpload::Create(object, request.begin().offset(), &root_, &uploads_, client);
  if (!upload.ok()) return upload.status();
  // An earlier upload may have added to the object after the client had asked for its state.
  const absl::StatusOr<v1::ControlEvent::ObjectState> here = root_.QueryObject(object);
  if (!here.ok()) return here.status();
  if (here->bytes() != request.begin().offset()) {
    return absl::AbortedError(fmt::format("{} bytes of the object are here, not {}; ask again",
                                          here->bytes(), request.begin().offset()));
  }
  reader->SendInitialMetadata();  // the client waits for it before it sends the bytes
  while (Hear(context, reader, &request)) {
    if (request.part_case() != v1::UploadObjectRequest::kData) {
      return absl::InvalidArgumentError("After its beginning an upload holds bytes only");
    }
    if (absl::Status status = (*upload)->Append(request.data()); !status.ok()) return status;
  }
  // What came before the client went away is kept as well: the next upload continues there.
  absl::StatusOr<v1::ObjectStatus> there = (*upload)->Finish();
  if (context->IsCancelled()) return absl::CancelledError("The upload was interrupted");
  return there;
}

grpc::Status DeviceService::UploadObject(grpc::ServerContext* context,
                                         grpc::ServerReader<v1::UploadObjectRequest>* reader,
                                         v1::ObjectStatus* response) {
  return Reply(TakeObject(context, reader), response);
}

// Power at a high rate tells what a processor computes (the PLATYPUS attack,
// doi 10.1109/SP40001.2021.00063).
bool DeviceService::OnlyWatches() {
  const Caller* caller = CallerScope::current();
  return caller != nullptr && caller->role < v1::ROLE_RUN;
}

absl::Status DeviceService::MayWatch(double rate_hz) const {
  const double most_hz = root_.watch_rate_hz();
  if (rate_hz <= most_hz || !OnlyWatches()) return absl::OkStatus();
  const Caller& caller = *CallerScope::current();
  return CheckRole(v1::ROLE_RUN, caller.role, fmt::format("Watching at more than {} Hz", most_hz),
                   caller.paired());
}

std::optional<double> DeviceService::FinestHz() const {
  return OnlyWatches() ? std::optional(root_.watch_rate_hz()) : std::nullopt;
}

grpc::Status DeviceService::WatchTelemetry(grpc::ServerContext* context,
                                           const v1::WatchTelemetryRequest* request,
                                           grpc::ServerWriter<v1::TelemetryPoint>* writer) {
  if (absl::Status status = ValidateTelemetryRateUntrusted(request->rate_hz()); !status.ok()) {
    return ToGrpc(status);
  }
  if (absl::Status may = MayWatch(request->rate_hz()); !may.ok()) {
    return Refuse("WatchTelemetry", may);
  }
  if (telemetry_.rails().empty()) {
    return ToGrpc(absl::FailedPreconditionError(fmt::format(
        "The board {} has no power source, so there is no live power; start synergyd with "
        "--board sim:jetson-tx1 for a simulated one",
        board_.name())));
  }
  std::optional<double> finest_hz = FinestHz();
  std::optional<TelemetryDecimator> decimator(std::in_place, request->rate_hz(), telemetry_.rails(),
                                              board_.simulated(), finest_hz);
  const Nanoseconds poll =
      std::clamp(Seconds(0.5 / request->rate_hz()), kShortestPoll, kLongestPoll);
  uint64_t position = telemetry_.head(), lost = 0;
  std::vector<TelemetryRecord> records;
  while (!news_.stopped() && !context->IsCancelled()) {
    if (absl::Status may = MayWatch(request->rate_hz()); !may.ok()) return ToGrpc(may);
    if (finest_hz != FinestHz()) {
      finest_hz = FinestHz();
      decimator.emplace(request->rate_hz(), telemetry_.rails(), board_.simulated(), finest_hz);
    }
    records.clear();
    const uint64_t lost_before = lost;
    telemetry_.Read(&position, kTelemetryBatch, &records, &lost);
    if (lost > lost_before) decimator->Lose();
    for (const TelemetryRecord& record : records) {
      std::optional<v1::TelemetryPoint> point = decimator->Add(record);
      if (!point) continue;
      point->set_lost(lost);
      point->set_front_cpu_ns(static_cast<uint64_t>(ProcessCpuTime().count));
      if (!writer->Write(*point)) return grpc::Status::CANCELLED;
    }
    // A reader that has caught up waits; one that fell behind goes on at once.
    if (records.size() < kTelemetryBatch) news_.WaitForStop(poll);
  }
  return ToGrpc(absl::UnavailableError("The daemon goes down; watch again"));
}

}  // namespace synergy
