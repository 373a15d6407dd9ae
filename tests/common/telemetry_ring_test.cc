#include "common/telemetry_ring.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

namespace synergy {
namespace {

using ::testing::ElementsAre;

// Every field follows from `i`, so that a torn record shows.
TelemetryRecord Record(uint64_t i) {
  TelemetryRecord record;
  record.begin_ns = static_cast<int64_t>(i * 10);
  record.end_ns = static_cast<int64_t>(i * 10 + 10);
  std::fill_n(record.run_id, sizeof(record.run_id) - 1, static_cast<char>('a' + i % 26));
  record.phase = record.iteration = record.op = static_cast<uint32_t>(i);
  record.rail_count = kMaxTelemetryRails;
  for (TelemetryRail& rail : record.rails) {
    rail = {static_cast<double>(i), static_cast<double>(i) + 1, static_cast<double>(i) + 2, i};
  }
  return record;
}

bool IsRecord(const TelemetryRecord& record, uint64_t i) {
  const TelemetryRecord whole = Record(i);
  return std::memcmp(&record, &whole, sizeof(whole)) == 0;
}

struct RingPair {
  RingPair()
      : writer(*TelemetryRingWriter::Create({"VDD_IN", "VDD_CPU"})),
        reader(*TelemetryRingReader::Map(writer.fd())) {}
  TelemetryRingWriter writer;
  TelemetryRingReader reader;
};

TEST(TelemetryRing, GivesEveryRecordOnceInOrder) {
  RingPair ring;
  EXPECT_THAT(ring.reader.rails(), ElementsAre("VDD_IN", "VDD_CPU"));
  uint64_t position = 0, lost = 0;
  std::vector<TelemetryRecord> out;
  ring.reader.Read(&position, 100, &out, &lost);
  EXPECT_TRUE(out.empty());
  for (uint64_t i = 0; i < 5; ++i) ring.writer.Write(Record(i));
  ring.reader.Read(&position, 3, &out, &lost);
  EXPECT_EQ(out.size(), 3u);
  ring.reader.Read(&position, 100, &out, &lost);
  ASSERT_EQ(out.size(), 5u);
  for (uint64_t i = 0; i < 5; ++i) EXPECT_TRUE(IsRecord(out[i], i));
  EXPECT_EQ(position, 5u);
  EXPECT_EQ(ring.reader.head(), 5u);
  EXPECT_EQ(lost, 0u);
}

TEST(TelemetryRing, WhoGetsItsDescriptorCannotWriteIt) {
  RingPair ring;
  struct stat info {};
  ASSERT_EQ(fstat(ring.writer.fd(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0400u);
  EXPECT_LT(write(ring.writer.fd(), "x", 1), 0);
}

TEST(TelemetryRing, CountsWhatWasOverwritten) {
  RingPair ring;
  for (uint64_t i = 0; i < kTelemetrySlots + 70; ++i) ring.writer.Write(Record(i));
  uint64_t position = 0, lost = 0;
  std::vector<TelemetryRecord> out;
  ring.reader.Read(&position, SIZE_MAX, &out, &lost);
  EXPECT_EQ(lost, 70u);
  ASSERT_EQ(out.size(), kTelemetrySlots);
  EXPECT_TRUE(IsRecord(out.front(), 70));
}

TEST(TelemetryRing, APositionBeyondTheHeadIsTheHead) {
  RingPair ring;
  ring.writer.Write(Record(0));
  uint64_t position = 1000, lost = 0;
  std::vector<TelemetryRecord> out;
  ring.reader.Read(&position, 10, &out, &lost);
  EXPECT_EQ(position, 1u);
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(lost, 0u);
}

TEST(TelemetryRing, NeverGivesATornRecordWhileTheWriterLapsTheReader) {
  RingPair ring;
  constexpr uint64_t kRecords = 400'000;  // about 100 laps
  std::atomic<bool> started = false;
  std::jthread writer([&] {
    while (!started) std::this_thread::yield();
    for (uint64_t i = 0; i < kRecords; ++i) ring.writer.Write(Record(i));
  });
  uint64_t position = 0, lost = 0, taken = 0;
  std::vector<TelemetryRecord> out;
  started = true;
  while (position < kRecords) {
    out.clear();
    const uint64_t before = lost;
    const uint64_t from = position;
    ring.reader.Read(&position, 64, &out, &lost);
    uint64_t last = 0;
    for (const TelemetryRecord& record : out) {
      const uint64_t i = record.iteration;
      ASSERT_TRUE(IsRecord(record, i)) << i;
      ASSERT_GE(i, std::max(from, last));
      last = i + 1;
    }
    ASSERT_EQ(position - from, out.size() + (lost - before));
    taken += out.size();
  }
  EXPECT_EQ(taken + lost, kRecords);
}

TEST(TelemetryRing, GivesReadersADescriptorThatTheyCannotWriteOrResize) {
  RingPair ring;
  const int fd = ring.writer.fd();
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_NE(ftruncate(fd, 0), 0);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

TEST(TelemetryRing, RefusesWhatIsNoRing) {
  const int fd = memfd_create("other", MFD_CLOEXEC);
  EXPECT_EQ(TelemetryRingReader::Map(fd).status().code(), absl::StatusCode::kDataLoss);
  struct stat size {};
  RingPair ring;
  ASSERT_EQ(fstat(ring.writer.fd(), &size), 0);
  ASSERT_EQ(ftruncate(fd, size.st_size), 0);  // the right size, but zeroes
  EXPECT_EQ(TelemetryRingReader::Map(fd).status().code(), absl::StatusCode::kDataLoss);
  close(fd);
}

TEST(TelemetryRing, RefusesMoreRailsAndLongerNamesThanItHasRoomFor) {
  EXPECT_EQ(TelemetryRingWriter::Create(std::vector<std::string>(17, "R")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TelemetryRingWriter::Create({std::string(32, 'R')}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(TelemetryRingWriter::Create({std::string(31, 'R')}).ok());
}

TEST(TelemetryRing, MovesWithItsMapping) {
  RingPair ring;
  TelemetryRingWriter writer = std::move(ring.writer);
  TelemetryRingReader reader = std::move(ring.reader);
  writer.Write(Record(0));
  uint64_t position = 0, lost = 0;
  std::vector<TelemetryRecord> out;
  reader.Read(&position, 10, &out, &lost);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(IsRecord(out[0], 0));
}

}  // namespace
}  // namespace synergy
