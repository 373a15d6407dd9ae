// What an engine may do to the daemon: any bytes in the marker ring, any bytes on the socket.
// Whatever is taken from them must be within bounds.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/marker_ring.h"
#include "common/marker_ring_reader.h"
#include "common/unique_fd.h"
#include "common/worker_protocol.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {
namespace {

constexpr RingGeometry kGeometry{.lanes = 2, .capacity = 4};

void Require(bool fact) {
  if (!fact) std::abort();
}

// The bytes overwrite a good ring from its first counter on, or truncate it.
void Ring(std::string_view data) {
  static const UniqueFd ring(memfd_create("ring", MFD_CLOEXEC));
  const bool truncate = !data.empty() && data[0] % 2 != 0;
  data.remove_prefix(std::min<size_t>(data.size(), 1));
  const size_t size =
      truncate ? std::min(data.size(), size_t{kGeometry.bytes()}) : kGeometry.bytes();
  Require(ftruncate(ring.get(), 0) == 0 && ftruncate(ring.get(), static_cast<off_t>(size)) == 0);
  Require(pwrite(ring.get(), data.data(), std::min(data.size(), size), 0) >= 0);
  MarkerRingReader reader(ring.get(), kGeometry);
  std::vector<Marker> markers;
  std::vector<CurrentOperator> current;
  for (int i = 0; i < 2; ++i) {
    const size_t before = markers.size();
    const bool drained = reader.DrainUntrusted(&markers).ok();
    Require(markers.size() - before <= size_t{kGeometry.lanes} * kGeometry.capacity);
    Require(i == 0 || !drained || markers.size() == before);  // nothing was written in between
    if (reader.ReadCurrentUntrusted(&current).ok()) Require(current.size() <= kGeometry.lanes);
    reader.Dropped().IgnoreError();
  }
  for (const Marker& m : markers) {
    Require(m.begin_ns >= 0 && m.end_ns >= m.begin_ns && m.thread < kGeometry.lanes && m.phase < 8);
  }
}

void Socket(std::string_view data) {
  int pair[2];
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  // Small enough for the socket's buffer, so that it cannot block.
  data = data.substr(0, 16384);
  Require(send(theirs.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(data.size()));
  theirs.reset();
  FrameReceiver receiver(ours.get());
  v1::WorkerEvent event;
  for (;;) {
    const absl::StatusOr<bool> received = receiver.ReceiveUntrusted(&event, std::nullopt);
    if (!received.ok() || !*received) return;
  }
}

}  // namespace
}  // namespace synergy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  synergy::Ring(bytes);
  synergy::Socket(bytes);
  return 0;
}
