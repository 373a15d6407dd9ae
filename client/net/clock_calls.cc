// DeviceClient's calls about clocks, and the diagnosis.
#include <grpcpp/grpcpp.h>

#include "absl/synchronization/mutex.h"
#include "client/net/device_client.h"
#include "client/net/device_wire.h"

namespace synergy {

absl::StatusOr<v1::ClockState> DeviceClient::Clocks() {
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetClocks,
              v1::GetClocksRequest());
}

absl::Status DeviceClient::CheckClocks(const v1::ClockRequest& wanted) {
  v1::GetClocksRequest request;
  *request.mutable_wanted() = wanted;
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetClocks, request).status();
}

absl::StatusOr<v1::Diagnosis> DeviceClient::Diagnose(bool try_clocks) {
  // Drivers take their time to set a clock, and others may be served before.
  constexpr Nanoseconds kPatience = Seconds(35);
  v1::DiagnoseRequest request;
  request.set_try_clocks(try_clocks);
  return Call(*wire_->stub, host_, kPatience, &v1::Device::Stub::Diagnose, request);
}

namespace {

// How a hold is asked to end: by its lease's id, so that the board's report still comes, or where
// there is no lease yet by ending the call.
class HoldEnd {
 public:
  HoldEnd(v1::Device::Stub& stub, std::string_view host, grpc::ClientContext& call)
      : stub_(stub), host_(host), call_(call) {}

  void Got(const v1::ClockLease& lease) {
    const absl::MutexLock lock(&mutex_);
    id_ = lease.id();
  }
  void Ask() {
    std::string id;
    {
      const absl::MutexLock lock(&mutex_);
      id = id_;
    }
    v1::ReleaseClocksRequest request;
    request.set_lease_id(id);
    const bool asked =
        !id.empty() &&
        Call(stub_, host_, kUnaryPatience, &v1::Device::Stub::ReleaseClocks, request).ok();
    if (!asked) call_.TryCancel();
  }

 private:
  v1::Device::Stub& stub_;
  const std::string_view host_;
  grpc::ClientContext& call_;
  absl::Mutex mutex_;
  std::string id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status DeviceClient::HoldClocks(const v1::HoldClocksRequest& request,
                                      const ClockHolder& holder, std::stop_token stop) {
  grpc::ClientContext context;
  HoldEnd end(*wire_->stub, host_, context);
  std::stop_callback asker(stop, [&end] { end.Ask(); });
  const auto reader = wire_->stub->HoldClocks(&context, request);
  v1::HoldClocksResponse response;
  while (reader->Read(&response)) {
    if (response.has_lease()) {
      end.Got(response.lease());
      holder.on_lease(response.lease());
    }
    if (response.has_released()) holder.on_release(response.released());
  }
  const grpc::Status status = reader->Finish();
  if (status.error_code() == grpc::StatusCode::CANCELLED && stop.stop_requested()) {
    return Stopped("Holding the clocks");
  }
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
