// DeviceClient's calls about clocks.
#include <grpcpp/grpcpp.h>

#include "client/net/device_client.h"
#include "client/net/device_wire.h"

namespace synergy {

absl::StatusOr<v1::ClockState> DeviceClient::Clocks() {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetClocks,
              v1::GetClocksRequest());
}

absl::Status DeviceClient::HoldClocks(const v1::HoldClocksRequest& request,
                                      const std::function<void(const v1::ClockLease&)>& on_lease,
                                      std::stop_token stop) {
  grpc::ClientContext context;
  std::stop_callback canceller(stop, [&context] { context.TryCancel(); });
  const auto reader = wire_->stub->HoldClocks(&context, request);
  v1::HoldClocksResponse response;
  while (reader->Read(&response)) {
    if (response.has_lease()) on_lease(response.lease());
  }
  const grpc::Status status = reader->Finish();
  if (stop.stop_requested()) return Stopped("Holding the clocks");
  return FromGrpc(status, host_);
}

}  // namespace synergy
