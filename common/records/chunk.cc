#include "common/records/chunk.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <utility>

#include "common/records/varint.h"

namespace synergy {
namespace {

v1::Encoding EncodingOf(uint32_t channel) {
  switch (channel) {
    case kRunRecordsChannel:
      return v1::ENCODING_RUN_RECORDS;
    case kMarkersChannel:
      return v1::ENCODING_MARKERS;
    default:
      return v1::ENCODING_READINGS;
  }
}

// ISA-L's AVX-512 code leaves the upper parts of the registers in use. Until they are cleared every
// SSE instruction of the thread has to keep them: an analysis took twice as long on an AMD EPYC.
#if defined(__x86_64__)
[[gnu::target("avx")]] void ClearUpperAvx() { _mm256_zeroupper(); }
void ClearUpper() {
  if (__builtin_cpu_supports("avx")) ClearUpperAvx();
}
#else
void ClearUpper() {}
#endif

}  // namespace

uint32_t Crc32c(std::string_view data) {
  uint32_t crc = 0xFFFFFFFF;
  // ISA-L takes an int for the length and a pointer to what it does not change.
  constexpr size_t kMost = 1u << 30;
  while (!data.empty()) {
    const std::string_view part = data.substr(0, kMost);
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(part.data()));
    crc = crc32_iscsi(bytes, static_cast<int>(part.size()), crc);
    data.remove_prefix(part.size());
  }
  ClearUpper();
  return ~crc;
}

v1::Chunk MakeChunk(uint64_t seq, uint32_t channel, uint64_t first_sequence, uint32_t count,
                    v1::Encoding encoding, std::string data) {
  v1::Chunk chunk;
  chunk.set_seq(seq);
  chunk.set_channel(channel);
  chunk.set_first_sequence(first_sequence);
  chunk.set_count(count);
  chunk.set_encoding(encoding);
  chunk.set_crc32c(Crc32c(data));
  chunk.set_data(std::move(data));
  return chunk;
}

absl::Status VerifyChunkUntrusted(const v1::Chunk& chunk) {
  const auto damaged = [&](std::string what) {
    return absl::DataLossError(fmt::format("chunk {}: {}", chunk.seq(), what));
  };
  if (chunk.data().size() > kMaxChunkDataBytes) {
    return damaged(fmt::format("{} bytes of data, more than the {} that a chunk may have",
                               chunk.data().size(), kMaxChunkDataBytes));
  }
  if (chunk.count() == 0) return damaged("it announces no records");
  if (chunk.first_sequence() > UINT64_MAX - chunk.count()) {
    return damaged("its records' numbers do not fit 64 bits");
  }
  if (chunk.encoding() != EncodingOf(chunk.channel())) {
    return damaged(fmt::format("encoding {} does not fit channel {}",
                               static_cast<int>(chunk.encoding()), chunk.channel()));
  }
  if (const uint32_t crc = Crc32c(chunk.data()); crc != chunk.crc32c()) {
    return damaged(
        fmt::format("the checksum of its data is {:08x}, not {:08x}", crc, chunk.crc32c()));
  }
  return absl::OkStatus();
}

std::string EncodeRunRecords(const std::vector<v1::RunRecord>& records) {
  std::string out;
  for (const v1::RunRecord& record : records) {
    AppendVarint(&out, record.ByteSizeLong());
    record.AppendToString(&out);
  }
  return out;
}

absl::StatusOr<std::vector<v1::RunRecord>> DecodeRunRecordsUntrusted(std::string_view data,
                                                                     uint32_t count) {
  std::vector<v1::RunRecord> records;
  records.reserve(std::min<size_t>(count, data.size()));  // a record has at least its length byte
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t size;
    if (!TakeVarint(&data, &size) || size > data.size() || size > kMaxChunkDataBytes ||
        !records.emplace_back().ParseFromArray(data.data(), static_cast<int>(size))) {
      return absl::DataLossError(fmt::format("run record {} of {} cannot be decoded", i, count));
    }
    data.remove_prefix(size);
  }
  if (!data.empty()) {
    return absl::DataLossError(
        fmt::format("{} bytes are left after the {} run records of the chunk", data.size(), count));
  }
  return records;
}

}  // namespace synergy
