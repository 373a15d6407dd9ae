#include "common/marker_ring.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <thread>

#include "common/marker_ring_reader.h"
#include "common/marker_ring_writer.h"

namespace synergy {
namespace {

constexpr uint8_t kMeasure = 4;

class MarkerRing : public testing::Test {
 protected:
  void Open(const RingGeometry& geometry) {
    geometry_ = geometry;
    Adopt(CreateMarkerRing(geometry));
  }

  void Adopt(absl::StatusOr<int> fd) {
    ASSERT_TRUE(fd.ok()) << fd.status();
    if (fd_ >= 0) close(fd_);
    fd_ = *fd;
    absl::StatusOr<MarkerRingWriter> writer = MarkerRingWriter::Map(fd_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    writer_.emplace(*std::move(writer));
    reader_.emplace(fd_, geometry_);
  }

  void TearDown() override {
    if (fd_ >= 0) close(fd_);
  }

  // A file of the same content that nothing protects against truncation and overwriting.
  int UnsealedCopy() {
    const int copy = memfd_create("copy", MFD_CLOEXEC);
    std::vector<char> bytes(geometry_.bytes());
    EXPECT_EQ(pread(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(pwrite(copy, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return copy;
  }

  template <typename T>
  void Overwrite(int fd, size_t offset, T value) {
    ASSERT_EQ(pwrite(fd, &value, sizeof(value), static_cast<off_t>(offset)),
              static_cast<ssize_t>(sizeof(value)));
  }

  RingGeometry geometry_;
  int fd_ = -1;
  std::optional<MarkerRingWriter> writer_;
  std::optional<MarkerRingReader> reader_;
};

void Execute(MarkerLane* lane, uint32_t op, uint32_t iteration, int64_t begin, int64_t end) {
  lane->Begin(op, iteration, kMeasure, begin);
  lane->End(end);
}

TEST_F(MarkerRing, GivesBackWhatWasWritten) {
  Open({.lanes = 2, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  Execute(&lane, 7, 3, 100, 250);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  ASSERT_EQ(markers.size(), 1u);
  EXPECT_EQ(markers[0].op, 7u);
  EXPECT_EQ(markers[0].iteration, 3u);
  EXPECT_EQ(markers[0].phase, kMeasure);
  EXPECT_EQ(markers[0].thread, 0);
  EXPECT_EQ(markers[0].begin_ns, 100);
  EXPECT_EQ(markers[0].end_ns, 250);
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  EXPECT_EQ(markers.size(), 1u) << "a marker came twice";
}

TEST_F(MarkerRing, IsSealedAgainstResizing) {
  Open({.lanes = 1, .capacity = 8});
  EXPECT_EQ(ftruncate(fd_, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(2 * geometry_.bytes())), -1);
  EXPECT_EQ(fcntl(fd_, F_GET_SEALS) & F_SEAL_SEAL, F_SEAL_SEAL);
}

TEST_F(MarkerRing, HasAllItsPagesBeforeTheFirstMarker) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer's shadow of the ring has more pages than the ring";
#endif
  Open({.lanes = 4, .capacity = 1u << 14});
  struct stat file {};
  ASSERT_EQ(fstat(fd_, &file), 0);
  EXPECT_GE(static_cast<uint64_t>(file.st_blocks) * 512, geometry_.bytes());
  MarkerLane lane = writer_->Claim();
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_THREAD, &before);
  for (uint32_t i = 0; i < geometry_.capacity; ++i) Execute(&lane, i, 0, 2 * i, 2 * i + 1);
  getrusage(RUSAGE_THREAD, &after);
  // Of 128 pages; a sanitizer touches some shadow of its own.
  EXPECT_LE(after.ru_minflt - before.ru_minflt, 32);
}

TEST_F(MarkerRing, SlotSaysWhatRunsNow) {
  Open({.lanes = 4, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  std::vector<CurrentOperator> current;
  ASSERT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
  ASSERT_EQ(current.size(), 1u) << "only claimed lanes have a slot";
  EXPECT_EQ(current[0].op, kOpNone) << "nothing has run yet";
  lane.Begin(5, 9, kMeasure, 1234);
  ASSERT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
  EXPECT_EQ(current[0].op, 5u);
  EXPECT_EQ(current[0].iteration, 9u);
  EXPECT_EQ(current[0].phase, kMeasure);
  EXPECT_EQ(current[0].begin_ns, 1234);
  lane.End(1300);
  ASSERT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
  EXPECT_EQ(current[0].op, kOpNone);
  EXPECT_EQ(current[0].begin_ns, 1300) << "since when it is in none";
}

TEST_F(MarkerRing, WholeIterationsLeaveTheSlotAlone) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  lane.Begin(5, 0, kMeasure, 10);
  lane.Write({.begin_ns = 1,
              .end_ns = 20,
              .op = kOpNet,
              .iteration = 0,
              .thread = 9,
              .device = 0,
              .phase = kMeasure,
              .event = 0});
  std::vector<CurrentOperator> current;
  ASSERT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
  EXPECT_EQ(current[0].op, 5u);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  EXPECT_EQ(markers[0].thread, 0) << "the lane knows its thread";
}

TEST_F(MarkerRing, WrapsAroundInOrder) {
  Open({.lanes = 2, .capacity = 8});
  writer_->Claim();
  MarkerLane lane = writer_->Claim();
  std::vector<Marker> markers;
  for (uint32_t i = 0; i < 50; ++i) {
    Execute(&lane, i, 0, 10 * i, 10 * i + 5);
    if (i % 5 == 4) {
      ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
    }
  }
  ASSERT_EQ(markers.size(), 50u);
  for (uint32_t i = 0; i < 50; ++i) EXPECT_EQ(markers[i].op, i);
  EXPECT_EQ(*reader_->Dropped(), 0u);
}

TEST_F(MarkerRing, FullLaneDropsCountsAndGoesOnAfterDraining) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  for (uint32_t i = 0; i < 11; ++i) Execute(&lane, i, 0, i, i + 1);
  EXPECT_EQ(*reader_->Dropped(), 3u);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  ASSERT_EQ(markers.size(), 8u);
  EXPECT_EQ(markers.back().op, 7u) << "the old ones stay, the new one is dropped";
  Execute(&lane, 20, 0, 20, 21);
  markers.clear();
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  ASSERT_EQ(markers.size(), 1u);
  EXPECT_EQ(markers[0].op, 20u);
  EXPECT_EQ(*reader_->Dropped(), 3u);
}

TEST_F(MarkerRing, ThreadWithoutALaneOnlyCountsDrops) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane first = writer_->Claim();
  MarkerLane second = writer_->Claim();
  Execute(&second, 1, 0, 1, 2);
  Execute(&second, 2, 0, 3, 4);
  Execute(&first, 3, 0, 5, 6);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  ASSERT_EQ(markers.size(), 1u);
  EXPECT_EQ(markers[0].op, 3u);
  EXPECT_EQ(*reader_->Dropped(), 2u);
}

// The order of a lane is the order of its writer, nothing is invented, and what is missing was
// counted.
TEST_F(MarkerRing, LosesNothingUncountedBetweenTwoThreads) {
  Open({.lanes = 2, .capacity = 64});
  constexpr uint32_t kCount = 200'000;
  std::atomic<bool> done = false;
  std::thread producer([&] {
    MarkerLane lane = writer_->Claim();
    for (uint32_t i = 0; i < kCount; ++i) {
      Execute(&lane, i, i ^ 0xABCD, 3 * i, 3 * i + i % 7);
      if (i % 16 == 0) std::this_thread::yield();
    }
    done = true;
  });
  std::vector<Marker> markers;
  std::vector<CurrentOperator> current;
  bool last = false;
  while (!last) {
    last = done;
    ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
    ASSERT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
    for (const CurrentOperator& c : current) {
      if (c.op == kOpNone) continue;
      ASSERT_EQ(c.iteration, c.op ^ 0xABCD) << "half of one slot, half of another";
      ASSERT_EQ(c.begin_ns, 3 * int64_t{c.op});
    }
  }
  producer.join();
  EXPECT_EQ(markers.size() + *reader_->Dropped(), kCount);
  EXPECT_GT(markers.size(), 1000u) << "the ring went around too seldom to show anything";
  for (size_t i = 0; i < markers.size(); ++i) {
    const Marker& m = markers[i];
    if (i > 0) {
      ASSERT_GT(m.op, markers[i - 1].op);
    }
    ASSERT_EQ(m.iteration, m.op ^ 0xABCD);
    ASSERT_EQ(m.begin_ns, 3 * int64_t{m.op});
    ASSERT_EQ(m.end_ns - m.begin_ns, m.op % 7);
  }
}

TEST_F(MarkerRing, TruncatedFileIsDataLossNotSigbus) {
  Open({.lanes = 2, .capacity = 64});
  MarkerLane lane = writer_->Claim();
  for (uint32_t i = 0; i < 40; ++i) Execute(&lane, i, 0, i, i);
  const int copy = UnsealedCopy();
  std::vector<Marker> markers;
  std::vector<CurrentOperator> current;
  for (const off_t size : {sizeof(RingHeader) + 2 * sizeof(Lane) + 100, sizeof(RingHeader) + 8,
                           size_t{70}, size_t{0}}) {
    ASSERT_EQ(ftruncate(copy, size), 0);
    MarkerRingReader reader(copy, geometry_);
    EXPECT_EQ(reader.DrainUntrusted(&markers).code(), absl::StatusCode::kDataLoss) << size;
  }
  MarkerRingReader reader(copy, geometry_);
  EXPECT_EQ(reader.ReadCurrentUntrusted(&current).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(reader.Dropped().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(markers.empty());
  close(copy);
}

TEST_F(MarkerRing, CountersThatRunBackwardsOrTooFarAreDataLoss) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  for (uint32_t i = 0; i < 4; ++i) Execute(&lane, i, 0, i, i);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  const size_t head = sizeof(RingHeader) + offsetof(Lane, head);
  for (const uint64_t garbage : {uint64_t{3}, uint64_t{13}, ~uint64_t{0}}) {
    Overwrite(fd_, head, garbage);
    EXPECT_EQ(reader_->DrainUntrusted(&markers).code(), absl::StatusCode::kDataLoss) << garbage;
  }
  EXPECT_EQ(markers.size(), 4u);
}

TEST_F(MarkerRing, MarkersThatNoEngineWritesAreDataLoss) {
  const Marker good{.begin_ns = 5,
                    .end_ns = 6,
                    .op = 0,
                    .iteration = 0,
                    .thread = 0,
                    .device = 0,
                    .phase = kMeasure,
                    .event = 0};
  Marker backwards = good;
  backwards.end_ns = 4;
  Marker negative = good;
  negative.begin_ns = -1;
  Marker phase = good;
  phase.phase = 200;
  Marker event = good;
  event.event = kMaxCountedEvents + 1;
  for (const Marker& bad : {backwards, negative, phase, event}) {
    Open({.lanes = 1, .capacity = 8});
    MarkerLane lane = writer_->Claim();
    lane.Write(good);
    lane.Write(bad);
    std::vector<Marker> markers;
    EXPECT_EQ(reader_->DrainUntrusted(&markers).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(markers.size(), 1u) << "what came before the garbage stays";
  }
}

TEST_F(MarkerRing, SlotLeftHalfWrittenIsLeftOut) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  lane.Begin(1, 0, kMeasure, 1);
  Overwrite(fd_, sizeof(RingHeader) + offsetof(Lane, slot_version), uint32_t{3});
  std::vector<CurrentOperator> current(7);
  EXPECT_TRUE(reader_->ReadCurrentUntrusted(&current).ok());
  EXPECT_TRUE(current.empty());
}

TEST_F(MarkerRing, GarbageTailNeverLetsTheEngineOverwriteUnreadMarkers) {
  Open({.lanes = 1, .capacity = 8});
  MarkerLane lane = writer_->Claim();
  for (uint32_t i = 0; i < 8; ++i) Execute(&lane, i, 0, i, i);
  const size_t tail = sizeof(RingHeader) + offsetof(Lane, tail);
  Overwrite(fd_, tail, uint64_t{8});  // torn: its complement is still that of 0
  Execute(&lane, 8, 0, 8, 8);
  const std::array<uint64_t, 2> beyond = {100, ~uint64_t{100}};
  Overwrite(fd_, tail, beyond);
  Execute(&lane, 9, 0, 9, 9);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  ASSERT_EQ(markers.size(), 8u);
  for (uint32_t i = 0; i < 8; ++i) EXPECT_EQ(markers[i].op, i);
  EXPECT_EQ(*reader_->Dropped(), 2u);
}

TEST_F(MarkerRing, LivesInAnUnlinkedFileWhereThereIsNoMemfd) {
  geometry_ = {.lanes = 2, .capacity = 8};
  Adopt(CreateMarkerRingInFolder(geometry_, "/dev/shm"));
  struct stat file {};
  ASSERT_EQ(fstat(fd_, &file), 0);
  EXPECT_EQ(file.st_nlink, 0u);
  EXPECT_GE(static_cast<uint64_t>(file.st_blocks) * 512, geometry_.bytes());
  MarkerLane lane = writer_->Claim();
  Execute(&lane, 4, 0, 1, 2);
  std::vector<Marker> markers;
  ASSERT_TRUE(reader_->DrainUntrusted(&markers).ok());
  EXPECT_EQ(markers.size(), 1u);
  ASSERT_EQ(ftruncate(fd_, 0), 0) << "no seals there";
  EXPECT_EQ(reader_->DrainUntrusted(&markers).code(), absl::StatusCode::kDataLoss);
}

TEST_F(MarkerRing, RefusesAFolderThatIsNoTmpfs) {
  EXPECT_EQ(CreateMarkerRingInFolder({.lanes = 1, .capacity = 8}, "/proc").status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(CreateMarkerRingInFolder({.lanes = 1, .capacity = 8}, "tests").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(MarkerRing, RefusesImpossibleGeometry) {
  for (const RingGeometry& g : {RingGeometry{0, 8}, RingGeometry{1025, 8}, RingGeometry{1, 0},
                                RingGeometry{1, 12}, RingGeometry{1, 1u << 25}}) {
    EXPECT_EQ(CreateMarkerRing(g).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(MarkerRing, EngineRefusesAFileThatIsNoRing) {
  Open({.lanes = 1, .capacity = 8});
  const int copy = UnsealedCopy();
  Overwrite(copy, offsetof(RingHeader, version), kMarkerRingVersion + 1);
  EXPECT_EQ(MarkerRingWriter::Map(copy).status().code(), absl::StatusCode::kInvalidArgument);
  Overwrite(copy, offsetof(RingHeader, version), kMarkerRingVersion);
  EXPECT_TRUE(MarkerRingWriter::Map(copy).ok());
  Overwrite(copy, offsetof(RingHeader, lanes), 2u);
  EXPECT_EQ(MarkerRingWriter::Map(copy).status().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(ftruncate(copy, 10), 0);
  EXPECT_EQ(MarkerRingWriter::Map(copy).status().code(), absl::StatusCode::kInvalidArgument);
  close(copy);
}

}  // namespace
}  // namespace synergy
