// How much the object store may take, and what goes when that is not enough.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "daemon/jobs/object_folder.h"
#include "synergy/v1/tensor.pb.h"

namespace synergy {

// A quarter of the file system that holds `path`, at most 8 GiB.
uint64_t DefaultObjectQuota(const std::string& path);

struct RoomLimits {
  uint64_t quota_bytes = 0;     // all files together
  uint64_t min_free_bytes = 0;  // what must be left on the disk
};

// Deletes files, as Evictable orders them, until `bytes` more of `object` fit. ResourceExhausted,
// with figures and a remedy: they never do, or not now.
absl::Status MakeRoom(const ObjectFolder& folder, const RoomLimits& limits,
                      const v1::ObjectRef& object, uint64_t bytes);

// Rounded up, for texts.
constexpr uint64_t ToMib(uint64_t bytes) { return (bytes + (1u << 20) - 1) >> 20; }

}  // namespace synergy
