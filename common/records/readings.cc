#include "common/records/readings.h"

#include <fmt/format.h>

#include "common/records/varint.h"

namespace synergy {
namespace {

constexpr size_t kFewestBytes = 4;  // of one record: four varints

bool TakeReading(std::string_view* data, const Reading& previous, Reading* out) {
  uint64_t begin, length, raw, freshness;
  if (!TakeVarint(data, &begin) || !TakeVarint(data, &length) || !TakeVarint(data, &raw) ||
      !TakeVarint(data, &freshness) || freshness > static_cast<uint64_t>(Freshness::kRepeat)) {
    return false;
  }
  out->begin_ns = WrappingSum(previous.begin_ns, UnZigZag(begin));
  out->end_ns = WrappingSum(out->begin_ns, static_cast<int64_t>(length));
  out->raw = WrappingSum(previous.raw, UnZigZag(raw));
  out->freshness = static_cast<Freshness>(freshness);
  return true;
}

}  // namespace

std::string EncodeReadings(const std::vector<Reading>& readings) {
  std::string out;
  out.reserve(readings.size() * 10);
  Reading previous;
  for (const Reading& reading : readings) {
    AppendVarint(&out, ZigZag(WrappingDifference(reading.begin_ns, previous.begin_ns)));
    AppendVarint(&out, static_cast<uint64_t>(WrappingDifference(reading.end_ns, reading.begin_ns)));
    AppendVarint(&out, ZigZag(WrappingDifference(reading.raw, previous.raw)));
    AppendVarint(&out, static_cast<uint64_t>(reading.freshness));
    previous = reading;
  }
  return out;
}

absl::StatusOr<std::vector<Reading>> DecodeReadingsUntrusted(std::string_view data,
                                                             uint32_t count) {
  if (count > data.size() / kFewestBytes) {  // before anything is allocated for them
    return absl::DataLossError(fmt::format(
        "{} bytes cannot hold the {} readings that the chunk announces", data.size(), count));
  }
  std::vector<Reading> readings(count);
  Reading previous;
  for (uint32_t i = 0; i < count; ++i) {
    if (!TakeReading(&data, previous, &readings[i])) {
      return absl::DataLossError(fmt::format("reading {} of {} cannot be decoded", i, count));
    }
    previous = readings[i];
  }
  if (!data.empty()) {
    return absl::DataLossError(
        fmt::format("{} bytes are left after the {} readings of the chunk", data.size(), count));
  }
  return readings;
}

}  // namespace synergy
