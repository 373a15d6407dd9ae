#include "daemon/front/checked_service.h"

#include <memory>
#include <utility>

#include "daemon/front/grpc_reply.h"
#include "daemon/front/tcp_credentials.h"
#include "google/protobuf/descriptor.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// "none": the connection's certificate names no client. TLS has checked that our authority has
// signed it.
std::string ClientOf(const grpc::ServerContext& context) {
  for (const grpc::string_ref& value :
       context.auth_context()->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    std::string client = ClientOfUri({value.data(), value.size()});
    if (!client.empty()) return client;
  }
  return "none";
}

}  // namespace

std::map<std::string, CheckedService::Rule> CheckedService::RulesOfMethods() {
  std::map<std::string, Rule> rules;
  const google::protobuf::ServiceDescriptor* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          v1::Device::service_full_name());
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor* method = service->method(i);
    const bool streams = method->client_streaming() || method->server_streaming();
    rules[method->name()] = {
        .needed = method->options().GetExtension(v1::needs_role),
        .kind = streams ? ClientTable::Kind::kStream : ClientTable::Kind::kSingle};
  }
  return rules;
}

CheckedService::CheckedService(DeviceService& handlers, ClientTable& clients, Strangers& strangers,
                               std::optional<Caller> caller)
    : handlers_(handlers),
      clients_(clients),
      strangers_(strangers),
      caller_(std::move(caller)),
      rules_(RulesOfMethods()) {}

template <typename... Arguments>
grpc::Status CheckedService::Check(const char* method,
                                   grpc::Status (DeviceService::*handler)(grpc::ServerContext*,
                                                                          Arguments...),
                                   grpc::ServerContext* context, Arguments... arguments) {
  const auto known = rules_.find(method);
  const Rule rule = known == rules_.end() ? Rule() : known->second;
  Caller caller;
  if (caller_.has_value()) {
    caller = *caller_;
  } else {
    caller.wire.set_client_id(ClientOf(*context));
    strangers_.Called(context->peer());
  }
  const auto call = clients_.Begin(caller, rule.needed, rule.kind, method, context);
  const CallerScope scope(call.ok() ? (*call)->caller() : caller);
  if (!call.ok()) {
    if (absl::IsResourceExhausted(call.status()) && !clients_.IsWorthTelling(caller)) {
      return ToGrpc(call.status());
    }
    spdlog::warn("{} from {} is refused: {}", method, context->peer(), call.status().ToString());
    if (!caller.refused.empty()) return ToGrpc(call.status());  // of whom the log knows
    return handlers_.Refuse(method, call.status());
  }
  return (handlers_.*handler)(context, arguments...);
}

grpc::Status CheckedService::Handshake(grpc::ServerContext* context,
                                       const v1::HandshakeRequest* request,
                                       v1::HandshakeResponse* response) {
  return Check("Handshake", &DeviceService::Handshake, context, request, response);
}

grpc::Status CheckedService::DescribeBoard(grpc::ServerContext* context,
                                           const v1::DescribeBoardRequest* request,
                                           v1::BoardInfo* response) {
  return Check("DescribeBoard", &DeviceService::DescribeBoard, context, request, response);
}

grpc::Status CheckedService::SubmitJob(grpc::ServerContext* context,
                                       grpc::ServerReader<v1::SubmitJobRequest>* reader,
                                       v1::JobStatus* response) {
  return Check("SubmitJob", &DeviceService::SubmitJob, context, reader, response);
}

grpc::Status CheckedService::ListJobs(grpc::ServerContext* context,
                                      const v1::ListJobsRequest* request,
                                      v1::ListJobsResponse* response) {
  return Check("ListJobs", &DeviceService::ListJobs, context, request, response);
}

grpc::Status CheckedService::GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                                    v1::JobStatus* response) {
  return Check("GetJob", &DeviceService::GetJob, context, request, response);
}

grpc::Status CheckedService::CancelJob(grpc::ServerContext* context,
                                       const v1::CancelJobRequest* request,
                                       v1::JobStatus* response) {
  return Check("CancelJob", &DeviceService::CancelJob, context, request, response);
}

grpc::Status CheckedService::FollowJob(grpc::ServerContext* context,
                                       const v1::FollowJobRequest* request,
                                       grpc::ServerWriter<v1::FollowJobResponse>* writer) {
  return Check("FollowJob", &DeviceService::FollowJob, context, request, writer);
}

grpc::Status CheckedService::AcknowledgeChunks(grpc::ServerContext* context,
                                               const v1::AcknowledgeChunksRequest* request,
                                               v1::AcknowledgeChunksResponse* response) {
  return Check("AcknowledgeChunks", &DeviceService::AcknowledgeChunks, context, request, response);
}

grpc::Status CheckedService::GetOutputs(grpc::ServerContext* context,
                                        const v1::GetOutputsRequest* request,
                                        grpc::ServerWriter<v1::OutputsPart>* writer) {
  return Check("GetOutputs", &DeviceService::GetOutputs, context, request, writer);
}

grpc::Status CheckedService::GetJobLog(grpc::ServerContext* context,
                                       const v1::GetJobLogRequest* request,
                                       grpc::ServerWriter<v1::LogPart>* writer) {
  return Check("GetJobLog", &DeviceService::GetJobLog, context, request, writer);
}

grpc::Status CheckedService::DescribeQueue(grpc::ServerContext* context,
                                           const v1::DescribeQueueRequest* request,
                                           v1::QueueState* response) {
  return Check("DescribeQueue", &DeviceService::DescribeQueue, context, request, response);
}

grpc::Status CheckedService::TakeLease(grpc::ServerContext* context,
                                       const v1::TakeLeaseRequest* request,
                                       v1::DeviceLease* response) {
  return Check("TakeLease", &DeviceService::TakeLease, context, request, response);
}

grpc::Status CheckedService::ReleaseLease(grpc::ServerContext* context,
                                          const v1::ReleaseLeaseRequest* request,
                                          v1::ReleaseLeaseResponse* response) {
  return Check("ReleaseLease", &DeviceService::ReleaseLease, context, request, response);
}

grpc::Status CheckedService::QueryObject(grpc::ServerContext* context, const v1::ObjectRef* request,
                                         v1::ObjectStatus* response) {
  return Check("QueryObject", &DeviceService::QueryObject, context, request, response);
}

grpc::Status CheckedService::UploadObject(grpc::ServerContext* context,
                                          grpc::ServerReader<v1::UploadObjectRequest>* reader,
                                          v1::ObjectStatus* response) {
  return Check("UploadObject", &DeviceService::UploadObject, context, reader, response);
}

grpc::Status CheckedService::GetTruth(grpc::ServerContext* context,
                                      const v1::GetTruthRequest* request,
                                      grpc::ServerWriter<v1::TruthPart>* writer) {
  return Check("GetTruth", &DeviceService::GetTruth, context, request, writer);
}

grpc::Status CheckedService::WatchTelemetry(grpc::ServerContext* context,
                                            const v1::WatchTelemetryRequest* request,
                                            grpc::ServerWriter<v1::TelemetryPoint>* writer) {
  return Check("WatchTelemetry", &DeviceService::WatchTelemetry, context, request, writer);
}

grpc::Status CheckedService::GetClocks(grpc::ServerContext* context,
                                       const v1::GetClocksRequest* request,
                                       v1::ClockState* response) {
  return Check("GetClocks", &DeviceService::GetClocks, context, request, response);
}

grpc::Status CheckedService::HoldClocks(grpc::ServerContext* context,
                                        const v1::HoldClocksRequest* request,
                                        grpc::ServerWriter<v1::HoldClocksResponse>* writer) {
  return Check("HoldClocks", &DeviceService::HoldClocks, context, request, writer);
}

grpc::Status CheckedService::ReleaseClocks(grpc::ServerContext* context,
                                           const v1::ReleaseClocksRequest* request,
                                           v1::ReleaseClocksResponse* response) {
  return Check("ReleaseClocks", &DeviceService::ReleaseClocks, context, request, response);
}

grpc::Status CheckedService::CompareClocks(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::ClockAnswer, v1::ClockProbe>* stream) {
  return Check("CompareClocks", &DeviceService::CompareClocks, context, stream);
}

grpc::Status CheckedService::OpenPairing(grpc::ServerContext* context,
                                         const v1::OpenPairingRequest* request,
                                         v1::OpenPairingResponse* response) {
  return Check("OpenPairing", &DeviceService::OpenPairing, context, request, response);
}

grpc::Status CheckedService::GetQuotas(grpc::ServerContext* context,
                                       const v1::GetQuotasRequest* request,
                                       v1::QuotaState* response) {
  return Check("GetQuotas", &DeviceService::GetQuotas, context, request, response);
}

grpc::Status CheckedService::SetQuotas(grpc::ServerContext* context,
                                       const v1::SetQuotasRequest* request,
                                       v1::QuotaState* response) {
  return Check("SetQuotas", &DeviceService::SetQuotas, context, request, response);
}

grpc::Status CheckedService::Diagnose(grpc::ServerContext* context,
                                      const v1::DiagnoseRequest* request, v1::Diagnosis* response) {
  return Check("Diagnose", &DeviceService::Diagnose, context, request, response);
}

}  // namespace synergy
