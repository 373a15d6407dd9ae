// What a client and a daemon agree on beside the messages: protocol versions, the port, limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace synergy {

// Versions of the service in proto/synergy/v1/device.proto that one side understands, both
// included.
struct ProtocolRange {
  uint32_t oldest = 0;
  uint32_t newest = 0;
};

// Each release understands its own version and the one before it. Version 1 is the first.
inline constexpr ProtocolRange kProtocols{.oldest = 1, .newest = 1};

// The newest version that both speak. FailedPrecondition where there is none, with a text that says
// which side to upgrade; InvalidArgument where `client` is no range of versions. `client_version`
// and `daemon_version` are for the text.
absl::StatusOr<uint32_t> NegotiateProtocol(ProtocolRange client, std::string_view client_version,
                                           ProtocolRange daemon, std::string_view daemon_version);

// TCP port of a daemon that is asked to listen on TCP.
inline constexpr uint16_t kDefaultPort = 7741;

// How the text of a ResourceExhausted begins that soon passes; and gRPC's own, where all threads
// are taken (1.51).
inline constexpr std::string_view kTooManyCalls = "Too many calls";
inline constexpr std::string_view kNoThread = "Server Threadpool Exhausted";

// A net as serialized NetDef: protobuf itself cannot parse more.
inline constexpr uint64_t kMaxNetBytes = uint64_t{2} << 30;
// A job's spec: with all that a job's status has besides it fits into one packet between front and
// root (64 KiB).
inline constexpr size_t kMaxSpecBytes = 32u << 10;
// Why a job failed, in its status; the record of its end has all of it.
inline constexpr size_t kMaxJobErrorBytes = 2u << 10;

}  // namespace synergy
