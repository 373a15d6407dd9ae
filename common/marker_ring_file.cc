#include "common/marker_ring_file.h"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr uint32_t kMaxLanes = 1024;
constexpr uint32_t kMaxCapacity = 1u << 24;

}  // namespace

off_t LaneOffset(uint32_t lane) {
  return static_cast<off_t>(sizeof(RingHeader) + lane * sizeof(Lane));
}

off_t MarkerOffset(const RingGeometry& g, uint32_t lane, uint64_t index) {
  const uint64_t before = uint64_t{lane} * g.capacity + index;
  return static_cast<off_t>(sizeof(RingHeader) + g.lanes * sizeof(Lane) + before * sizeof(Marker));
}

absl::Status CheckGeometry(const RingGeometry& g) {
  if (g.lanes >= 1 && g.lanes <= kMaxLanes && std::has_single_bit(g.capacity) &&
      g.capacity <= kMaxCapacity) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format(
      "a marker ring of {} lanes of {} markers: lanes must be 1 to {}, markers a power of "
      "two up to {}",
      g.lanes, g.capacity, kMaxLanes, kMaxCapacity));
}

absl::Status RingFailure(const char* what, int error) {
  const std::string text = fmt::format("marker ring: {}: {}", what, std::strerror(error));
  return error == ENOSPC || error == ENOMEM
             ? absl::ResourceExhaustedError(text + "; free memory or space in /dev/shm")
             : absl::InternalError(text);
}

absl::Status ReadRing(int fd, void* data, size_t bytes, off_t offset) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n =
        pread(fd, static_cast<char*>(data) + done, bytes - done, offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return RingFailure("pread", errno);
    if (n == 0) {
      return absl::DataLossError(
          fmt::format("the marker ring ends at byte {}: the engine truncated it; its markers are "
                      "lost from here",
                      offset + static_cast<off_t>(done)));
    }
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status WriteRing(int fd, const void* data, size_t bytes, off_t offset) {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = pwrite(fd, static_cast<const char*>(data) + done, bytes - done,
                             offset + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return RingFailure("pwrite", errno);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace synergy
