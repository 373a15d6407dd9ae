// Nets as they come from a client: descriptors of files that somebody else may share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

// In bytes. InvalidArgument: it is no regular file; ResourceExhausted: it is longer than
// `max_bytes`.
absl::StatusOr<uint64_t> SubmittedNetSize(const UniqueFd& net, uint64_t max_bytes);

// Copies the first `size` bytes to the new file `path`, durably. InvalidArgument: there are fewer
// by now; Unavailable: `stopped` said so meanwhile; ResourceExhausted: the disk is full.
absl::Status CopySubmittedNet(const UniqueFd& net, uint64_t size, const std::string& path,
                              const std::function<bool()>& stopped);

}  // namespace synergy
