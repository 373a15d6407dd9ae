#include "client/store/removal.h"

#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "client/store/store.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

// Chunks of the size of the smallest: the log of their removal is about as long as they are.
constexpr size_t kSmallBytes = 300;
constexpr uint64_t kSmallChunks = 10'000;

int64_t PutRun(Store& store, const std::string& run_id) {
  v1::JobStatus status = SampleStatus();
  status.set_run_id(run_id);
  const auto number = store.PutRun(SampleBoard(), status);
  EXPECT_TRUE(number.ok()) << number.status();
  return *number;
}

void Append(Store& store, int64_t number, uint64_t chunks, size_t bytes) {
  std::vector<v1::Chunk> all;
  for (uint64_t seq = 0; seq < chunks; ++seq) {
    all.push_back(MakeChunk(seq, kFirstSensorChannel, seq, 1, v1::ENCODING_READINGS,
                            std::string(bytes, static_cast<char>(seq))));
  }
  const absl::Status appended = store.AppendChunks(number, all);
  ASSERT_TRUE(appended.ok()) << appended;
}

void AppendMeter(Store& store, int64_t number, uint64_t chunks, size_t bytes) {
  std::vector<v1::Chunk> all;
  for (uint64_t i = 0; i < chunks; ++i) {
    all.push_back(MakeChunk(0, kFirstSensorChannel, i, 1, v1::ENCODING_READINGS,
                            std::string(bytes, static_cast<char>(i))));
  }
  ASSERT_TRUE(store.AppendMeterChunks(number, all).ok());
  v1::MeterRecord record;
  record.set_command("my_meter");
  ASSERT_TRUE(store.PutMeter(number, record).ok());
  record.set_ended("a longer one replaces it");
  ASSERT_TRUE(store.PutMeter(number, record).ok());
}

uint64_t FreeBytes(const std::string& path) {
  struct statvfs disk = {};
  EXPECT_EQ(statvfs(path.c_str(), &disk), 0);
  return uint64_t{disk.f_bavail} * disk.f_frsize;
}

// A sound beginning of `number`: what the store says of it is what it has.
void ExpectSound(Store& store, const StoredRun& run) {
  uint64_t chunks = 0;
  uint64_t bytes = 0;
  const absl::Status read = store.ForEachChunk(run.number, [&](const v1::Chunk& chunk) {
    EXPECT_EQ(chunk.seq(), chunks++);
    EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
    bytes += chunk.data().size();
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  const absl::Status meter = store.ForEachMeterChunk(run.number, [&](const v1::Chunk& chunk) {
    EXPECT_TRUE(VerifyChunkUntrusted(chunk).ok());
    bytes += chunk.data().size();
    return absl::OkStatus();
  });
  EXPECT_TRUE(meter.ok()) << meter;
  if (const auto record = store.Meter(run.number); record.ok() && record->has_value()) {
    bytes += (*record)->ByteSizeLong();
  }
  EXPECT_EQ(chunks, run.next_seq);
  EXPECT_EQ(bytes, run.bytes);
}

class RemovalOnAFullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (!disk_.mounted()) GTEST_SKIP() << "only root can mount a disk";
    auto store = Store::Open(path_, StoreAccess::kWrite);
    ASSERT_TRUE(store.ok()) << store.status();
    KeepReserve(path_);
    ASSERT_EQ(std::filesystem::file_size(ReservePath(path_)), kRemovalBytes);
    small_ = PutRun(**store, "of small chunks");
    Append(**store, small_, kSmallChunks, kSmallBytes);
    AppendMeter(**store, small_, 500, kSmallBytes);
    ExpectSound(**store, *(*store)->Run(small_));
    large_ = PutRun(**store, "of large chunks");
    Append(**store, large_, 60, 50'000);
    store->reset();
    disk_.FillUpTo(0);
    EXPECT_FALSE(Store::Open(path_, StoreAccess::kWrite).ok()) << "the disk is not full";
  }

  SmallDisk disk_{24 << 20};
  const std::string path_ = disk_.path() + "/store.db";
  int64_t small_ = 0;
  int64_t large_ = 0;
};

// Was refused, since the disk was full.
TEST_F(RemovalOnAFullDisk, GetsByWithTheReserve) {
  const uint64_t before = std::filesystem::file_size(path_);
  {
    const OpenedReserve reserve(path_);
    auto store = Store::Open(path_, StoreAccess::kWrite);
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::Status removed = (*store)->Delete(std::span(&small_, 1));
    ASSERT_TRUE(removed.ok()) << removed;
    const auto runs = (*store)->Runs();
    ASSERT_EQ(runs->size(), 1u);
    EXPECT_EQ(runs->front().number, large_);
    EXPECT_FALSE(runs->front().abandoned);
    EXPECT_EQ(runs->front().next_seq, 60u);
    ExpectSound(**store, runs->front());
  }
  EXPECT_LT(std::filesystem::file_size(path_), before - kSmallChunks * kSmallBytes);
  EXPECT_GT(FreeBytes(disk_.path()), kSmallChunks * kSmallBytes);
  EXPECT_TRUE(std::filesystem::exists(ReservePath(path_))) << "none for the next time";
}

TEST_F(RemovalOnAFullDisk, WhereItIsKilledLeavesASoundStoreAndIsDoneAgain) {
  const uint64_t before = std::filesystem::file_size(path_);
  const pid_t child = fork();
  if (child == 0) {
    const OpenedReserve reserve(path_);
    auto store = Store::Open(path_, StoreAccess::kWrite);
    _exit(store.ok() && (*store)->Delete(std::span(&small_, 1)).ok() ? 0 : 1);
  }
  // Until it has given something back, or ended: both are states that must be sound.
  int status = 0;
  while (std::filesystem::file_size(path_) >= before && waitpid(child, &status, WNOHANG) == 0) {
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);

  const OpenedReserve reserve(path_);
  auto store = Store::Open(path_, StoreAccess::kWrite);
  ASSERT_TRUE(store.ok()) << store.status();
  const auto runs = (*store)->Runs();
  ASSERT_TRUE(runs.ok()) << runs.status();
  for (const StoredRun& run : *runs) {
    EXPECT_EQ(run.abandoned, run.number == small_);
    ExpectSound(**store, run);
  }
  const absl::Status removed = (*store)->Delete(std::span(&small_, 1));
  EXPECT_TRUE(removed.ok()) << removed;
  EXPECT_EQ((*store)->Runs()->size(), 1u);
  auto database = Database::Open(path_, Database::Mode::kExisting);
  auto check = database->Prepare("PRAGMA integrity_check");
  ASSERT_TRUE(*check->Step());
  EXPECT_EQ(check->Bytes(0), "ok");
}

TEST(Reserve, IsNotMadeWithoutAStoreOrWithoutRoom) {
  const TempFolder folder;
  KeepReserve(folder.File("store.db"));
  EXPECT_FALSE(std::filesystem::exists(ReservePath(folder.File("store.db"))));
  const SmallDisk disk(2 * kRemovalBytes);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a disk";
  const std::string path = disk.path() + "/store.db";
  ASSERT_TRUE(Store::Open(path, StoreAccess::kWrite).ok());
  KeepReserve(path);
  EXPECT_FALSE(std::filesystem::exists(ReservePath(path)));
}

}  // namespace
}  // namespace synergy
