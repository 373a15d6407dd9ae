// DeviceClient's calls about clocks, and the diagnosis.
#include <grpcpp/grpcpp.h>

#include "client/net/device_client.h"
#include "client/net/device_wire.h"

namespace synergy {

absl::StatusOr<v1::ClockState> DeviceClient::Clocks() {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetClocks,
              v1::GetClocksRequest());
}

absl::StatusOr<v1::Diagnosis> DeviceClient::Diagnose(bool try_clocks) {
  // Drivers take their time to set a clock, and others may be served before.
  constexpr Nanoseconds kPatience = Seconds(35);
  v1::DiagnoseRequest request;
  request.set_try_clocks(try_clocks);
  return Call(*wire_->stub, host_, kPatience, &v1::Device::Stub::Diagnose, request);
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

absl::StatusOr<std::vector<RoundTrip>> DeviceClient::CompareClocks(uint32_t count, Clock& clock) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  SetDeadline(&context, kUnaryPatience);
  const auto stream = wire_->stub->CompareClocks(&context);
  std::vector<RoundTrip> trips;
  v1::ClockProbe probe;
  v1::ClockAnswer answer;
  // The first one opens the stream as well, and is as true as the others, only slower.
  for (uint32_t i = 0; i <= count; ++i) {
    probe.set_number(i);
    RoundTrip trip{.sent_ns = clock.Now().ns};
    if (!stream->Write(probe) || !stream->Read(&answer)) break;
    trip.back_ns = clock.Now().ns;
    if (answer.number() != i) break;
    trip.received_ns = answer.received_ns();
    trip.answered_ns = answer.sent_ns();
    trips.push_back(trip);
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpc(status, host_);
  if (trips.size() <= count) {
    return absl::DataLossError("the device answered something else than what it was asked");
  }
  return trips;
}

}  // namespace synergy
