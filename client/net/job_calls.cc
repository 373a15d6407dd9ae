// DeviceClient's calls about the queue that are not about following a run; the others are in
// device_client.cc.
#include <grpcpp/grpcpp.h>

#include "client/net/device_client.h"
#include "client/net/device_wire.h"

namespace synergy {

absl::Status DeviceClient::Log(const std::string& run_id,
                               const std::function<absl::Status(std::string_view part)>& on_part) {
  v1::GetJobLogRequest request;
  request.set_run_id(run_id);
  absl::Status ours;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    const auto reader = wire_->stub->GetJobLog(&context, request);
    v1::LogPart part;
    while (ours.ok() && reader->Read(&part)) ours = on_part(part.data());
    if (!ours.ok()) context.TryCancel();
    return reader->Finish();
  });
  if (!ours.ok()) return ours;
  return status.ok() ? absl::OkStatus() : FromGrpc(status, host_);
}

absl::StatusOr<v1::QueueState> DeviceClient::DescribeQueue() {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::DescribeQueue,
              v1::DescribeQueueRequest());
}

absl::StatusOr<v1::DeviceLease> DeviceClient::TakeLease(const std::string& id, double for_s) {
  v1::TakeLeaseRequest request;
  request.set_id(id);
  request.set_for_s(for_s);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::TakeLease, request);
}

absl::StatusOr<v1::QuotaState> DeviceClient::Quotas() {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetQuotas,
              v1::GetQuotasRequest());
}

absl::StatusOr<v1::QuotaState> DeviceClient::SetQuotas(const v1::SetQuotasRequest& request) {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::SetQuotas, request);
}

absl::Status DeviceClient::ReleaseLease(const std::string& id) {
  v1::ReleaseLeaseRequest request;
  request.set_id(id);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::ReleaseLease, request)
      .status();
}

}  // namespace synergy
