// The gRPC side of DeviceClient, for its own .cc files alone.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/net/device_client.h"
#include "common/clock.h"
#include "synergy/v1/device.grpc.pb.h"

namespace synergy {

struct DeviceClient::Wire {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Device::Stub> stub;
};

inline constexpr Nanoseconds kUnaryPatience = Seconds(10);
// Below gRPC's default limit of 4 MiB a message, large enough that its overhead vanishes.
inline constexpr size_t kMessagePartBytes = 1u << 20;

void SetDeadline(grpc::ClientContext* context, Nanoseconds patience);
absl::Status FromGrpc(const grpc::Status& status, std::string_view host);
// Makes a call until the daemon is not busy (busy.h), for some seconds. A stream that is
// refused so has given nothing.
grpc::Status WhenNotBusy(const std::function<grpc::Status()>& call);
// Cancelled, as the caller asked for.
absl::Status Stopped(std::string_view what);

// Runs one unary call that may be repeated; waits for a front that is just being restarted.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(v1::Device::Stub& stub, std::string_view host, Nanoseconds patience,
                              grpc::Status (v1::Device::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                              const Request& request) {
  Response response;
  grpc::Status status;
  // The first attempt may only find out that the connection died since the last call.
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = WhenNotBusy([&] {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      SetDeadline(&context, patience);
      return (stub.*method)(&context, request, &response);
    });
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) break;
  }
  if (!status.ok()) return FromGrpc(status, host);
  return response;
}

}  // namespace synergy
