// Chunks: the unit in which records are stored, sent and acknowledged
// (proto/synergy/v1/records.proto).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

inline constexpr uint32_t kRunRecordsChannel = 0;
inline constexpr uint32_t kMarkersChannel = 1;
inline constexpr uint32_t kFirstSensorChannel = 2;
// No chunk's data is longer (a whole operator table fits: about 300 bytes an operator).
inline constexpr size_t kMaxChunkDataBytes = 4u << 20;

// CRC-32C (Castagnoli) as in RFC 3720; Crc32c("123456789") == 0xE3069283.
uint32_t Crc32c(std::string_view data);

v1::Chunk MakeChunk(uint64_t seq, uint32_t channel, uint64_t first_sequence, uint32_t count,
                    v1::Encoding encoding, std::string data);

// Checks the checksum, the count, the size and that the encoding fits the channel. DataLoss
// otherwise.
absl::Status VerifyChunkUntrusted(const v1::Chunk& chunk);

std::string EncodeRunRecords(const std::vector<v1::RunRecord>& records);
absl::StatusOr<std::vector<v1::RunRecord>> DecodeRunRecordsUntrusted(std::string_view data,
                                                                     uint32_t count);

}  // namespace synergy
