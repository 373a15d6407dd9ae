// How the answers of the daemon's own parts become gRPC's.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// A status travels in HTTP/2 headers, of which gRPC takes 8 KiB in all: the text is cut.
inline constexpr size_t kMaxStatusTextBytes = 4096;

// gRPC's codes are absl's.
inline grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMaxStatusTextBytes)));
}

// Hands the answer's value to gRPC.
template <typename T>
grpc::Status Reply(absl::StatusOr<T> answer, T* response) {
  if (!answer.ok()) return ToGrpc(answer.status());
  *response = *std::move(answer);
  return grpc::Status::OK;
}

}  // namespace synergy
