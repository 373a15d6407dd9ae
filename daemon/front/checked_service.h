// The one place that decides whether a caller may make a call. An RPC that is not listed here is
// not served; one without a role in device.proto is refused.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <optional>
#include <string>

#include "daemon/front/caller.h"
#include "daemon/front/client_table.h"
#include "daemon/front/device_service.h"
#include "daemon/front/strangers.h"
#include "synergy/v1/device.grpc.pb.h"

namespace synergy {

// Thread-safe.
class CheckedService final : public v1::Device::Service {
 public:
  // `caller`: of all its calls; nothing: each is made by the client of its connection's
  // certificate. `handlers`, `clients` and `strangers` outlive it.
  CheckedService(DeviceService& handlers, ClientTable& clients, Strangers& strangers,
                 std::optional<Caller> caller);

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

 private:
  template <typename... Arguments>
  grpc::Status Check(const char* method,
                     grpc::Status (DeviceService::*handler)(grpc::ServerContext*, Arguments...),
                     grpc::ServerContext* context, Arguments... arguments);

  DeviceService& handlers_;
  ClientTable& clients_;
  Strangers& strangers_;
  const std::optional<Caller> caller_;
  struct Rule {
    v1::Role needed = v1::ROLE_UNSPECIFIED;
    ClientTable::Kind kind = ClientTable::Kind::kSingle;
  };
  // By the RPC's name, as device.proto says.
  static std::map<std::string, Rule> RulesOfMethods();

  const std::map<std::string, Rule> rules_;
};

}  // namespace synergy
