#include "common/records/markers.h"

#include <fmt/format.h>

#include "common/records/varint.h"

namespace synergy {
namespace {

constexpr size_t kFewestBytes = 6;  // of one marker: six varints

// What the first marker of a chunk is told apart from. Its operator is 0 - 1 = 0xFFFF'FFFF off, so
// that a chunk that begins with operator 0 costs one byte there.
struct Previous {
  int64_t end_ns = 0;
  int64_t op = -1;
  int64_t iteration = 0;
};

Previous After(const Marker& marker) {
  return {.end_ns = marker.end_ns, .op = marker.op, .iteration = marker.iteration};
}

bool Fits32(int64_t value) { return value >= 0 && value <= 0xFFFFFFFFLL; }

bool TakeMarker(std::string_view* data, const Previous& previous, Marker* out) {
  uint64_t begin, length, op, iteration, thread, device_phase;
  if (!TakeVarint(data, &begin) || !TakeVarint(data, &length) || !TakeVarint(data, &op) ||
      !TakeVarint(data, &iteration) || !TakeVarint(data, &thread) ||
      !TakeVarint(data, &device_phase)) {
    return false;
  }
  const int64_t op_number = WrappingSum(WrappingSum(previous.op, 1), UnZigZag(op));
  const int64_t iteration_number = WrappingSum(previous.iteration, UnZigZag(iteration));
  if (!Fits32(op_number) || !Fits32(iteration_number) || thread > 0xFFFF ||
      device_phase > 0xFF * 8 + 7) {
    return false;
  }
  *out = {.begin_ns = WrappingSum(previous.end_ns, UnZigZag(begin)),
          .end_ns = 0,
          .op = static_cast<uint32_t>(op_number),
          .iteration = static_cast<uint32_t>(iteration_number),
          .thread = static_cast<uint16_t>(thread),
          .device = static_cast<uint8_t>(device_phase / 8),
          .phase = static_cast<uint8_t>(device_phase % 8),
          .event = 0};
  out->end_ns = WrappingSum(out->begin_ns, static_cast<int64_t>(length));
  return out->end_ns >= out->begin_ns;
}

}  // namespace

std::string EncodeMarkers(const std::vector<Marker>& markers) {
  std::string out;
  out.reserve(markers.size() * 10);
  Previous previous;
  for (const Marker& marker : markers) {
    AppendVarint(&out, ZigZag(WrappingDifference(marker.begin_ns, previous.end_ns)));
    AppendVarint(&out, static_cast<uint64_t>(WrappingDifference(marker.end_ns, marker.begin_ns)));
    AppendVarint(&out, ZigZag(static_cast<int64_t>(marker.op) - previous.op - 1));
    AppendVarint(&out, ZigZag(static_cast<int64_t>(marker.iteration) - previous.iteration));
    AppendVarint(&out, marker.thread);
    AppendVarint(&out, static_cast<uint64_t>(marker.device) * 8 + (marker.phase & 7u));
    previous = After(marker);
  }
  return out;
}

absl::StatusOr<std::vector<Marker>> DecodeMarkersUntrusted(std::string_view data, uint32_t count) {
  if (count > data.size() / kFewestBytes) {  // before anything is allocated for them
    return absl::DataLossError(fmt::format(
        "{} bytes cannot hold the {} markers that the chunk announces", data.size(), count));
  }
  std::vector<Marker> markers(count);
  Previous previous;
  for (uint32_t i = 0; i < count; ++i) {
    if (!TakeMarker(&data, previous, &markers[i])) {
      return absl::DataLossError(fmt::format("marker {} of {} cannot be decoded", i, count));
    }
    previous = After(markers[i]);
  }
  if (!data.empty()) {
    return absl::DataLossError(
        fmt::format("{} bytes are left after the {} markers of the chunk", data.size(), count));
  }
  return markers;
}

}  // namespace synergy
