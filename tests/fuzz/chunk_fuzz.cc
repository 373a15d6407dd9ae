// Bytes of chunks from anywhere: the decoders may refuse them, and what they take must encode to
// something that decodes to the same.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "common/attribution/integrate.h"
#include "common/attribution/run_data.h"
#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"

namespace synergy {
namespace {

void Require(bool fact) {
  if (!fact) std::abort();
}

void Readings(std::string_view data, uint32_t count) {
  const auto readings = DecodeReadingsUntrusted(data, count);
  if (!readings.ok()) return;
  const auto again = DecodeReadingsUntrusted(EncodeReadings(*readings), count);
  Require(again.ok() && *again == *readings);
}

void Markers(std::string_view data, uint32_t count) {
  const auto markers = DecodeMarkersUntrusted(data, count);
  if (!markers.ok()) return;
  const auto again = DecodeMarkersUntrusted(EncodeMarkers(*markers), count);
  Require(again.ok() && again->size() == markers->size());
  Require(markers->empty() ||
          std::memcmp(again->data(), markers->data(), markers->size() * sizeof(Marker)) == 0);
}

// The input as chunks of a run: 2 bytes channel and count, 2 bytes length, data; checksums and
// numbers are put right, so that the fuzzer gets past them.
void Run(RunData run, std::string_view data) {
  uint64_t next_sequence[256] = {run.next_seq()};
  while (data.size() >= 4) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
    const uint32_t channel = byte(0), count = byte(1);
    const size_t size = std::min<size_t>(byte(2) + 256u * byte(3), data.size() - 4);
    const v1::Encoding encoding = channel == kRunRecordsChannel ? v1::ENCODING_RUN_RECORDS
                                  : channel == kMarkersChannel  ? v1::ENCODING_MARKERS
                                                                : v1::ENCODING_READINGS;
    const v1::Chunk chunk = MakeChunk(run.next_seq(), channel, next_sequence[channel], count,
                                      encoding, std::string(data.substr(4, size)));
    if (run.Add(chunk).ok()) next_sequence[channel] += count;
    Require(run.next_seq() <= chunk.seq() + 1);
    data.remove_prefix(4 + size);
  }
  const Attribution attribution = Solve(run);
  for (const OperatorResult& op : attribution.ops) {
    Require(op.executions > 0 && std::isfinite(op.time_s.mean));
    for (const auto& joules : op.mean_energy_j) Require(!joules || std::isfinite(*joules));
  }
}

// A run with a header: current and voltage of one rail, power of another.
RunData Begun() {
  v1::RunRecord record;
  for (const auto quantity : {v1::ChannelInfo::QUANTITY_CURRENT, v1::ChannelInfo::QUANTITY_VOLTAGE,
                              v1::ChannelInfo::QUANTITY_POWER}) {
    v1::ChannelInfo* channel = record.mutable_header()->add_channels();
    channel->set_channel(kFirstSensorChannel +
                         static_cast<uint32_t>(record.header().channels_size()) - 1);
    channel->set_rail(quantity == v1::ChannelInfo::QUANTITY_POWER ? "VDD_CPU" : "VDD_IN");
    channel->set_quantity(quantity);
    channel->set_scale(0.008);
  }
  RunData run;
  Require(run.Add(MakeChunk(0, kRunRecordsChannel, 0, 1, v1::ENCODING_RUN_RECORDS,
                            EncodeRunRecords({record})))
              .ok());
  return run;
}

}  // namespace
}  // namespace synergy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  const uint32_t count = bytes[1];
  switch (bytes[0] % 5) {
    case 0:
      synergy::Readings(data, count);
      break;
    case 1:
      synergy::Markers(data, count);
      break;
    case 2:
      (void)synergy::DecodeRunRecordsUntrusted(data, count);
      break;
    case 3:
      synergy::Run(synergy::RunData(), data);
      break;
    default:
      synergy::Run(synergy::Begun(), data);
  }
  return 0;
}
