#include "client/net/device_wire.h"

#include <chrono>
#include <string>
#include <string_view>

#include "client/net/busy.h"
#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {

void SetDeadline(grpc::ClientContext* context, Nanoseconds patience) {
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::microseconds(patience.count / 1000));
}

namespace {

// gRPC's own words for a connection that is gone or not made, as against synergyd's.
bool IsOfTransport(std::string_view text) {
  for (const std::string_view words : {"failed to connect", "SSL", "Socket closed", "recvmsg",
                                       "sendmsg", "onnection reset", "GOAWAY", "Broken pipe"}) {
    if (text.find(words) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

// The daemon itself never answers DEADLINE_EXCEEDED, and CANCELLED only where it ends a
// call by itself.
absl::Status FromGrpc(const grpc::Status& status, std::string_view host) {
  if (status.ok()) return absl::OkStatus();
  const std::string& text = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return absl::UnavailableError(fmt::format(
          "synergyd at {} did not answer in time: it hangs, or what listens there is no synergyd",
          host));
    case grpc::StatusCode::CANCELLED:
      return absl::UnavailableError(fmt::format(
          "synergyd at {} ended the call: it goes down, has revoked this client, or has "
          "waited for it for too long",
          host));
    case grpc::StatusCode::UNAVAILABLE:
      return absl::UnavailableError(
          fmt::format("synergyd at {}: {}", host,
                      IsOfTransport(text) ? "the connection cannot be made, or was cut" : text));
    case grpc::StatusCode::UNIMPLEMENTED:
      return absl::UnimplementedError(
          fmt::format("What listens at {} does not know this call: {}", host, text));
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (text != kNoThread) return absl::ResourceExhaustedError(text);
      return absl::ResourceExhaustedError(
          fmt::format("{}: synergyd at {} has as many to answer as it can; try again in a while",
                      kTooManyCalls, host));
    default:
      return absl::Status(static_cast<absl::StatusCode>(status.error_code()), text);
  }
}

grpc::Status WhenNotBusy(const std::function<grpc::Status()>& call) {
  grpc::Status status = call();
  for (Nanoseconds pause = Milliseconds(50); IsBusy(FromGrpc(status, "")) && pause < Seconds(2);
       pause = pause * 2) {
    RealClock().SleepUntil(RealClock().Now() + pause);
    status = call();
  }
  return status;
}

absl::Status Stopped(std::string_view what) {
  return absl::CancelledError(fmt::format("{} was stopped here", what));
}

}  // namespace synergy
