// The gRPC handlers: each one checks what came, asks the part that knows, and maps the answer.
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>

#include "common/clock.h"
#include "common/telemetry_ring.h"
#include "daemon/front/clock_holders.h"
#include "daemon/front/net_upload.h"
#include "daemon/front/news.h"
#include "daemon/front/object_upload.h"
#include "daemon/front/root_client.h"
#include "daemon/front/silent_calls.h"
#include "synergy/v1/device.grpc.pb.h"

namespace synergy {

// Thread-safe. Everything that it is given outlives it. A handler occupies one of the server's
// threads while its call lasts.
class DeviceService final : public v1::Device::Service {
 public:
  DeviceService(v1::BoardInfo board, RootClient& root, const News& news,
                const TelemetryRingReader& telemetry, Clock& clock);

  grpc::Status Handshake(grpc::ServerContext*, const v1::HandshakeRequest*,
                         v1::HandshakeResponse*) override;
  grpc::Status DescribeBoard(grpc::ServerContext*, const v1::DescribeBoardRequest*,
                             v1::BoardInfo*) override;
  grpc::Status SubmitJob(grpc::ServerContext*, grpc::ServerReader<v1::SubmitJobRequest>*,
                         v1::JobStatus*) override;
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse*) override;
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest*, v1::JobStatus*) override;
  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest*,
                         v1::JobStatus*) override;
  grpc::Status FollowJob(grpc::ServerContext*, const v1::FollowJobRequest*,
                         grpc::ServerWriter<v1::FollowJobResponse>*) override;
  grpc::Status AcknowledgeChunks(grpc::ServerContext*, const v1::AcknowledgeChunksRequest*,
                                 v1::AcknowledgeChunksResponse*) override;
  grpc::Status GetOutputs(grpc::ServerContext*, const v1::GetOutputsRequest*,
                          grpc::ServerWriter<v1::OutputsPart>*) override;
  grpc::Status GetJobLog(grpc::ServerContext*, const v1::GetJobLogRequest*,
                         grpc::ServerWriter<v1::LogPart>*) override;
  grpc::Status DescribeQueue(grpc::ServerContext*, const v1::DescribeQueueRequest*,
                             v1::QueueState*) override;
  grpc::Status TakeLease(grpc::ServerContext*, const v1::TakeLeaseRequest*,
                         v1::DeviceLease*) override;
  grpc::Status ReleaseLease(grpc::ServerContext*, const v1::ReleaseLeaseRequest*,
                            v1::ReleaseLeaseResponse*) override;
  grpc::Status QueryObject(grpc::ServerContext*, const v1::ObjectRef*, v1::ObjectStatus*) override;
  grpc::Status UploadObject(grpc::ServerContext*, grpc::ServerReader<v1::UploadObjectRequest>*,
                            v1::ObjectStatus*) override;
  grpc::Status GetTruth(grpc::ServerContext*, const v1::GetTruthRequest*,
                        grpc::ServerWriter<v1::TruthPart>*) override;
  grpc::Status WatchTelemetry(grpc::ServerContext*, const v1::WatchTelemetryRequest*,
                              grpc::ServerWriter<v1::TelemetryPoint>*) override;
  grpc::Status GetClocks(grpc::ServerContext*, const v1::GetClocksRequest*,
                         v1::ClockState*) override;
  grpc::Status HoldClocks(grpc::ServerContext*, const v1::HoldClocksRequest*,
                          grpc::ServerWriter<v1::HoldClocksResponse>*) override;
  grpc::Status ReleaseClocks(grpc::ServerContext*, const v1::ReleaseClocksRequest*,
                             v1::ReleaseClocksResponse*) override;
  grpc::Status CompareClocks(grpc::ServerContext*,
                             grpc::ServerReaderWriter<v1::ClockAnswer, v1::ClockProbe>*) override;
  grpc::Status Diagnose(grpc::ServerContext*, const v1::DiagnoseRequest*, v1::Diagnosis*) override;
  grpc::Status OpenPairing(grpc::ServerContext*, const v1::OpenPairingRequest*,
                           v1::OpenPairingResponse*) override;
  grpc::Status GetQuotas(grpc::ServerContext*, const v1::GetQuotasRequest*,
                         v1::QuotaState*) override;
  grpc::Status SetQuotas(grpc::ServerContext*, const v1::SetQuotasRequest*,
                         v1::QuotaState*) override;

  // For the audit log: the thread's caller is refused. The status for the call.
  grpc::Status Refuse(const std::string& method, const absl::Status& why) const;

 private:
  // The client's next message; false: none comes, or the client was silent for too long.
  template <typename Request>
  bool Hear(grpc::ServerContext* context, grpc::ServerReader<Request>* reader, Request* request);
  absl::StatusOr<v1::JobStatus> TakeSubmission(grpc::ServerContext* context,
                                               grpc::ServerReader<v1::SubmitJobRequest>* reader);
  absl::StatusOr<v1::ObjectStatus> TakeObject(grpc::ServerContext* context,
                                              grpc::ServerReader<v1::UploadObjectRequest>* reader);
  // Whether the thread's caller is one whom the quota of live power binds.
  static bool OnlyWatches();
  // PermissionDenied: the thread's caller may not watch at this rate, or not any more.
  absl::Status MayWatch(double rate_hz) const;
  // Of the periods of live power that the thread's caller may see; nothing: any.
  std::optional<double> FinestHz() const;

  const v1::BoardInfo board_;
  RootClient& root_;
  const News& news_;
  const TelemetryRingReader& telemetry_;
  Clock& clock_;
  SilentCalls silent_calls_;
  UploadBudget uploads_;
  ObjectsUnderWay objects_under_way_;
  ClockHolders clock_holders_;
};

}  // namespace synergy
