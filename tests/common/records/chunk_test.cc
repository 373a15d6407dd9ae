#include "common/records/chunk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <string>

#include "common/records/varint.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

v1::RunRecord PhaseRecord(v1::Phase phase, int64_t at_ns) {
  v1::RunRecord record;
  record.mutable_phase()->set_phase(phase);
  record.mutable_phase()->set_at_ns(at_ns);
  return record;
}

v1::Chunk GoodChunk() {
  return MakeChunk(
      7, kRunRecordsChannel, 3, 2, v1::ENCODING_RUN_RECORDS,
      EncodeRunRecords({PhaseRecord(v1::PHASE_SETUP, 5), PhaseRecord(v1::PHASE_WARMUP, 9)}));
}

// RFC 3720, B.4, and the check value of the CRC catalogues.
TEST(Crc32c, GivesThePublishedValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

#if defined(__x86_64__)
// Otherwise all SSE code that follows is slowed down.
TEST(Crc32c, LeavesNoUpperPartsOfRegistersInUse) {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr uint32_t kXgetbvTellsUse = 1u << 2;  // CPUID leaf 0xD, subleaf 1
  if (__get_cpuid_max(0, nullptr) < 0xD) GTEST_SKIP() << "no XSAVE";
  __cpuid_count(0xD, 1, eax, ebx, ecx, edx);
  if ((eax & kXgetbvTellsUse) == 0) GTEST_SKIP() << "the CPU does not tell what is in use";
  EXPECT_NE(Crc32c(std::string(10'000, 'x')), 0u);
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
  constexpr uint32_t kAvx = 1u << 2, kUpperZmm = 1u << 6;  // as in XCR0
  EXPECT_EQ(low & (kAvx | kUpperZmm), 0u);
}
#endif

TEST(Chunk, VerifiesWhatMakeChunkMade) {
  const v1::Chunk chunk = GoodChunk();
  EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
  EXPECT_EQ(chunk.seq(), 7u);
  EXPECT_EQ(chunk.first_sequence(), 3u);
}

TEST(Chunk, EveryFlippedBitOfTheDataIsFound) {
  const v1::Chunk good = GoodChunk();
  for (size_t bit = 0; bit < good.data().size() * 8; ++bit) {
    v1::Chunk chunk = good;
    (*chunk.mutable_data())[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::Status status = VerifyChunkUntrusted(chunk);
    ASSERT_EQ(status.code(), absl::StatusCode::kDataLoss) << bit;
    ASSERT_THAT(status.ToString(), HasSubstr("chunk 7: the checksum"));
  }
}

TEST(Chunk, AnEncodingThatDoesNotFitTheChannelIsDataLoss) {
  v1::Chunk chunk = GoodChunk();
  chunk.set_channel(kMarkersChannel);
  EXPECT_THAT(VerifyChunkUntrusted(chunk).ToString(),
              HasSubstr("encoding 1 does not fit channel 1"));
  chunk = GoodChunk();
  chunk.set_encoding(v1::ENCODING_UNSPECIFIED);
  EXPECT_EQ(VerifyChunkUntrusted(chunk).code(), absl::StatusCode::kDataLoss);
}

TEST(Chunk, NoRecordsTooMuchDataAndNumbersBeyond64BitsAreDataLoss) {
  v1::Chunk chunk = GoodChunk();
  chunk.set_count(0);
  EXPECT_THAT(VerifyChunkUntrusted(chunk).ToString(), HasSubstr("announces no records"));
  chunk = GoodChunk();
  chunk.set_first_sequence(UINT64_MAX - 1);
  EXPECT_THAT(VerifyChunkUntrusted(chunk).ToString(), HasSubstr("do not fit 64 bits"));
  chunk = MakeChunk(0, kRunRecordsChannel, 0, 1, v1::ENCODING_RUN_RECORDS,
                    std::string(kMaxChunkDataBytes + 1, 'x'));
  EXPECT_THAT(VerifyChunkUntrusted(chunk).ToString(), HasSubstr("4194305 bytes"));
}

TEST(RunRecords, ComeBackInOrder) {
  const v1::Chunk chunk = GoodChunk();
  const auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ((*records)[0].phase().phase(), v1::PHASE_SETUP);
  EXPECT_EQ((*records)[1].phase().at_ns(), 9);
}

TEST(RunRecords, WhatIsNotExactlyCountRecordsIsDataLoss) {
  const v1::Chunk chunk = GoodChunk();
  const std::string& data = chunk.data();
  for (size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(DecodeRunRecordsUntrusted(std::string_view(data).substr(0, size), 2).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_THAT(DecodeRunRecordsUntrusted(data, 1).status().ToString(), HasSubstr("bytes are left"));
  EXPECT_THAT(DecodeRunRecordsUntrusted(data, 3).status().ToString(),
              HasSubstr("run record 2 of 3 cannot be decoded"));
  EXPECT_EQ(DecodeRunRecordsUntrusted(data, 0xFFFFFFFF).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(RunRecords, ALengthBeyondTheBytesIsDataLoss) {
  std::string data;
  AppendVarint(&data, UINT64_MAX);
  EXPECT_EQ(DecodeRunRecordsUntrusted(data, 1).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace synergy
