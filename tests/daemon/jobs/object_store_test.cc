#include "daemon/jobs/object_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "common/files.h"
#include "daemon/jobs/object_room.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/memory_file.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string HashOf(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

v1::ObjectRef RefOf(std::string_view bytes) {
  v1::ObjectRef object;
  object.set_sha256(HashOf(bytes));
  object.set_bytes(bytes.size());
  return object;
}

class ObjectStoreTest : public testing::Test {
 protected:
  ObjectStoreTest() { Open(); }

  void Open(uint64_t quota_bytes = 1u << 20, const std::string& boot_id = "boot-1") {
    store_.reset();
    auto store = ObjectStore::Open(path_, {.quota_bytes = quota_bytes,
                                           .min_free_bytes = 0,
                                           .boot_id = boot_id,
                                           .received_bytes = &taken_});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::StatusOr<ObjectState> Append(const v1::ObjectRef& object, uint64_t offset,
                                     std::string_view bytes) {
    return store_->AppendUntrusted(object, offset, MemoryFile(bytes));
  }
  v1::ObjectRef Keep(const std::string& bytes) {
    const v1::ObjectRef object = RefOf(bytes);
    const auto state = Append(object, 0, bytes);
    EXPECT_TRUE(state.ok() && state->complete) << state.status();
    return object;
  }
  // Without the use that a query is.
  bool IsThere(const v1::ObjectRef& object) const {
    return fs::exists(path_ + "/" + ObjectName(object)) ||
           fs::exists(path_ + "/" + ObjectName(object) + ".boot-1");
  }
  uint64_t PartBytes(const v1::ObjectRef& object) const {
    std::error_code none;
    const auto bytes = fs::file_size(Part(object), none);
    return none ? 0 : bytes;
  }
  std::string Part(const v1::ObjectRef& object) const {
    return path_ + "/" + ObjectName(object) + ".part";
  }
  static void MakeOlder(const std::string& path, int seconds) {
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    timespec times[2] = {info.st_mtim, info.st_mtim};
    for (timespec& time : times) time.tv_sec -= seconds;
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  void SyncAll() {
    const std::atomic<bool> stop = false;
    store_->Sync(stop);
  }

  const TempFolder folder_;
  const std::string path_ = folder_.File("objects");
  std::unique_ptr<ObjectStore> store_;
  std::atomic<uint64_t> taken_ = 0;  // or hashed again
};

TEST(Sha256, HashesAsTheStandardSays) {
  Sha256 hash;
  hash.Update("a");
  hash.Update("bc");
  // FIPS 180-4, the example of "abc".
  EXPECT_EQ(hash.Finish().substr(0, 4), "\xba\x78\x16\xbf");
}

TEST_F(ObjectStoreTest, AnEmptyReferenceAsksForTheStoreAlone) {
  Open(/*quota_bytes=*/5000);
  Keep(std::string(1000, 'a'));
  ASSERT_TRUE(Append(RefOf(std::string(300, 'b')), 0, std::string(100, 'b')).ok());
  const auto use = store_->QueryUntrusted(v1::ObjectRef());
  ASSERT_TRUE(use.ok()) << use.status();
  EXPECT_EQ(use->store_bytes, 1100u);
  EXPECT_EQ(use->store_quota_bytes, 5000u);
  EXPECT_FALSE(use->complete);
  EXPECT_EQ(Append(v1::ObjectRef(), 0, "x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ObjectStoreTest, KeepsAnObjectThatCameInParts) {
  const std::string bytes = "weights of a network";
  const v1::ObjectRef object = RefOf(bytes);
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 0u);
  const auto first = Append(object, 0, bytes.substr(0, 7));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->complete);
  EXPECT_EQ(first->bytes, 7u);
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 7u);
  const auto last = Append(object, 7, bytes.substr(7));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(last->complete);
  EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", folder_.File("link")).ok());
  EXPECT_EQ(*ReadFile(folder_.File("link"), 100), bytes);
}

TEST_F(ObjectStoreTest, BecomesDurableUnderItsHashWhenSynced) {
  const v1::ObjectRef object = Keep("weights");
  EXPECT_FALSE(fs::exists(path_ + "/" + ObjectName(object)));
  SyncAll();
  EXPECT_TRUE(fs::exists(path_ + "/" + ObjectName(object)));
  EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
}

TEST_F(ObjectStoreTest, AStopLeavesWhatIsNotSyncedForLater) {
  const v1::ObjectRef object = Keep("weights");
  const std::atomic<bool> stop = true;
  store_->Sync(stop);
  EXPECT_FALSE(fs::exists(path_ + "/" + ObjectName(object)));
  Open();
  EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
  SyncAll();
  EXPECT_TRUE(fs::exists(path_ + "/" + ObjectName(object)));
}

TEST_F(ObjectStoreTest, AnotherBootTrustsOnlyWhatWasSynced) {
  const v1::ObjectRef synced = Keep("synced"), fresh = Keep("unsynced"), lost = Keep("lost");
  const std::atomic<bool> stop = false;
  fs::copy(path_ + "/" + ObjectName(synced) + ".boot-1", path_ + "/" + ObjectName(synced));
  std::ofstream(path_ + "/" + ObjectName(lost) + ".boot-1") << std::string(4, '\0');
  fs::remove(path_ + "/" + ObjectName(synced) + ".boot-1");
  Open(1u << 20, "boot-2");
  EXPECT_TRUE(store_->QueryUntrusted(synced)->complete);
  // All bytes are there: no more are needed, but they are checked.
  const auto all = store_->QueryUntrusted(fresh);
  EXPECT_FALSE(all->complete);
  EXPECT_EQ(all->bytes, 8u);
  const auto checked = Append(fresh, 8, "");
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_TRUE(checked->complete);
  const auto damaged = Append(lost, 4, "");
  EXPECT_EQ(damaged.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->QueryUntrusted(lost)->bytes, 0u);
}

TEST_F(ObjectStoreTest, GoesOnAfterARestart) {
  const std::string bytes(300'000, 'w');  // more than one read of the part
  const v1::ObjectRef object = RefOf(bytes);
  ASSERT_TRUE(Append(object, 0, bytes.substr(0, 280'000)).ok());
  Open();
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 280'000u);
  const auto last = Append(object, 280'000, bytes.substr(280'000));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(last->complete);
}

TEST_F(ObjectStoreTest, ADamagedPartIsThrownAwayAtTheEnd) {
  const v1::ObjectRef object = RefOf("weights");
  ASSERT_TRUE(Append(object, 0, "weig").ok());
  Open();
  std::ofstream(Part(object)) << "wEig";
  const auto last = Append(object, 4, "hts");
  EXPECT_EQ(last.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(last.status().ToString(), HasSubstr("send them again"));
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 0u);
  Keep("weights");
}

TEST_F(ObjectStoreTest, WrongBytesNeverBecomeAnObject) {
  const v1::ObjectRef object = RefOf("weights");
  const auto state = Append(object, 0, "weighty");
  EXPECT_EQ(state.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(IsThere(object));
  EXPECT_FALSE(fs::exists(Part(object)));
}

TEST_F(ObjectStoreTest, APartThatSomebodyDeletedBeginsAgain) {
  const v1::ObjectRef object = RefOf("weights");
  ASSERT_TRUE(Append(object, 0, "weig").ok());
  fs::remove(Part(object));
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 0u);
  Keep("weights");
}

TEST_F(ObjectStoreTest, AnAppendElsewhereThanAtTheEndIsAborted) {
  const v1::ObjectRef object = RefOf("weights");
  ASSERT_TRUE(Append(object, 0, "weig").ok());
  for (const uint64_t offset : {0ul, 3ul, 5ul, ~0ul}) {
    const auto state = Append(object, offset, "h");
    EXPECT_EQ(state.status().code(), absl::StatusCode::kAborted) << offset;
  }
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 4u);
}

TEST_F(ObjectStoreTest, MoreBytesThanTheObjectHasAreRefused) {
  const v1::ObjectRef object = RefOf("weights");
  EXPECT_EQ(Append(object, 0, "weights!").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PartBytes(object), 0u);
}

TEST_F(ObjectStoreTest, RefsThatAreNoneAreRefused) {
  v1::ObjectRef object = RefOf("weights");
  object.set_bytes(0);
  EXPECT_EQ(Append(object, 0, "").status().code(), absl::StatusCode::kInvalidArgument);
  object.set_bytes(~uint64_t{0});
  EXPECT_EQ(Append(object, 0, "w").status().code(), absl::StatusCode::kInvalidArgument);
  object = RefOf("weights");
  for (const std::string& hash : {std::string(), std::string("../../../../../../../etc/passwd"),
                                  std::string(33, 'x'), std::string(1 << 16, 'x')}) {
    object.set_sha256(hash);
    EXPECT_EQ(store_->QueryUntrusted(object).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Append(object, 0, "w").status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store_->LinkUntrusted(object, "weights", folder_.File("link")).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ObjectStoreTest, AHashWithAnotherSizeIsRefused) {
  v1::ObjectRef object = Keep("weights");
  object.set_bytes(6);
  EXPECT_EQ(store_->QueryUntrusted(object).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->LinkUntrusted(object, "weights", folder_.File("link")).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ObjectStoreTest, AnObjectThatLostBytesOnTheDiskIsSentAgain) {
  const v1::ObjectRef object = Keep("weights");
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", folder_.File("link")).ok());
  fs::resize_file(folder_.File("link"), 3);
  EXPECT_FALSE(store_->VerifyLink(object, "weights", folder_.File("link")).ok());
  EXPECT_FALSE(IsThere(object));
  const auto state = store_->QueryUntrusted(object);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_FALSE(state->complete);
  EXPECT_EQ(state->bytes, 0u);
  Keep("weights");
  EXPECT_TRUE(IsThere(object));
}

TEST_F(ObjectStoreTest, APartLongerThanTheObjectBeginsAgain) {
  v1::ObjectRef lie = RefOf("weights");
  lie.set_bytes(100);
  ASSERT_TRUE(Append(lie, 0, "somebody's garbage").ok());
  EXPECT_EQ(store_->QueryUntrusted(RefOf("weights"))->bytes, 0u);
  Keep("weights");
}

TEST_F(ObjectStoreTest, FilesThatAreTooLongOrNoneAreRefused) {
  const v1::ObjectRef object = RefOf("weights");
  const UniqueFd longer = MemoryFile("");
  ASSERT_EQ(ftruncate(longer.get(), kMaxAppendBytes + 1), 0);
  EXPECT_EQ(store_->AppendUntrusted(object, 0, longer).status().code(),
            absl::StatusCode::kInvalidArgument);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd read_end(ends[0]), write_end(ends[1]);
  EXPECT_EQ(store_->AppendUntrusted(object, 0, read_end).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ObjectStoreTest, WhatIsNotThereIsNotLinked) {
  const v1::ObjectRef object = RefOf("weights");
  ASSERT_TRUE(Append(object, 0, "weig").ok());
  const absl::Status status = store_->LinkUntrusted(object, "weights", folder_.File("link"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("weights"), HasSubstr("are not on the board: upload them first")));
}

TEST_F(ObjectStoreTest, TheLeastRecentlyUsedMakesRoom) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a')), b = Keep(std::string(400, 'b'));
  EXPECT_TRUE(store_->QueryUntrusted(a)->complete);  // used again
  const v1::ObjectRef c = Keep(std::string(400, 'c'));
  EXPECT_TRUE(IsThere(a));
  EXPECT_FALSE(IsThere(b));
  EXPECT_TRUE(IsThere(c));
}

TEST_F(ObjectStoreTest, TheOrderOfUseOutlivesTheDaemon) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a')), b = Keep(std::string(400, 'b'));
  ASSERT_TRUE(store_->LinkUntrusted(a, "weights", folder_.File("link")).ok());
  fs::remove(folder_.File("link"));
  Open(1000);
  Keep(std::string(400, 'c'));
  EXPECT_TRUE(IsThere(a));
  EXPECT_FALSE(IsThere(b));
}

TEST_F(ObjectStoreTest, WhatAJobNeedsStays) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a')), b = Keep(std::string(400, 'b'));
  ASSERT_TRUE(store_->LinkUntrusted(a, "weights", folder_.File("a")).ok());
  EXPECT_TRUE(store_->QueryUntrusted(b)->complete);
  Keep(std::string(400, 'c'));
  EXPECT_TRUE(IsThere(a));
  EXPECT_FALSE(IsThere(b));
  fs::remove(folder_.File("a"));
  Keep(std::string(400, 'd'));
  EXPECT_FALSE(IsThere(a));
}

TEST_F(ObjectStoreTest, NoRoomBesideWhatJobsNeedIsSaidBeforeTheFirstByte) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a'));
  ASSERT_TRUE(store_->LinkUntrusted(a, "weights", folder_.File("a")).ok());
  const v1::ObjectRef large = RefOf(std::string(601, 'l'));
  const auto state = Append(large, 0, "l");
  EXPECT_EQ(state.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(state.status().ToString(), HasSubstr("--object-quota"));
  EXPECT_TRUE(IsThere(a));
}

TEST_F(ObjectStoreTest, AnObjectBeyondTheQuotaEvictsNothingAndLeavesNothing) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a'));
  const v1::ObjectRef large = RefOf(std::string(1001, 'l'));
  const absl::Status refused = Append(large, 0, "l").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.ToString(), HasSubstr("it never fits"));
  EXPECT_FALSE(fs::exists(path_ + "/" + ObjectName(large) + ".part"));
  EXPECT_TRUE(IsThere(a));
}

TEST_F(ObjectStoreTest, AnAbandonedPartGoesBeforeAnyObject) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a'));
  const v1::ObjectRef part = RefOf(std::string(500, 'p'));
  ASSERT_TRUE(Append(part, 0, std::string(400, 'p')).ok());
  MakeOlder(Part(part), 2 * 3600);
  Keep(std::string(400, 'c'));
  EXPECT_TRUE(IsThere(a));
  EXPECT_EQ(PartBytes(part), 0u);
}

TEST_F(ObjectStoreTest, APartThatWaitsForItsClientGoesAfterTheObjects) {
  Open(1000);
  const v1::ObjectRef a = Keep(std::string(400, 'a'));
  const v1::ObjectRef part = RefOf(std::string(500, 'p'));
  ASSERT_TRUE(Append(part, 0, std::string(400, 'p')).ok());
  MakeOlder(Part(part), 120);
  Keep(std::string(400, 'c'));
  EXPECT_FALSE(IsThere(a));
  EXPECT_EQ(PartBytes(part), 400u);
  Keep(std::string(900, 'd'));
  EXPECT_EQ(PartBytes(part), 0u);
}

TEST_F(ObjectStoreTest, APartThatIsBeingWrittenStays) {
  Open(1000);
  const v1::ObjectRef part = RefOf(std::string(500, 'p'));
  ASSERT_TRUE(Append(part, 0, std::string(400, 'p')).ok());
  EXPECT_EQ(Append(RefOf(std::string(700, 'b')), 0, std::string(700, 'b')).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(PartBytes(part), 400u);
}

TEST_F(ObjectStoreTest, ManyPartsAtATimeGoOn) {
  std::vector<std::string> all;
  for (int i = 0; i < 40; ++i) all.push_back(std::string(100, static_cast<char>('A' + i)));
  for (const std::string& bytes : all) {
    ASSERT_TRUE(Append(RefOf(bytes), 0, bytes.substr(0, 50)).ok());
  }
  for (const std::string& bytes : all) {
    const auto state = Append(RefOf(bytes), 50, bytes.substr(50));
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(state->complete);
  }
}

TEST_F(ObjectStoreTest, AFullDiskKeepsWhatWasWritten) {
  const std::string bytes(600'000, 'w');
  const v1::ObjectRef object = RefOf(bytes);
  ASSERT_TRUE(Append(object, 0, bytes.substr(0, 100'000)).ok());
  {
    const FileSizeLimit full(400'000);  // memory files are of the same limit
    const auto state =
        store_->AppendUntrusted(object, 100'000, MemoryFile(bytes.substr(0, 350'000)));
    EXPECT_EQ(state.status().code(), absl::StatusCode::kResourceExhausted) << state.status();
  }
  const uint64_t there = store_->QueryUntrusted(object)->bytes;
  EXPECT_GE(there, 100'000u);
  EXPECT_LE(there, 400'000u);
  const auto last = Append(object, there, bytes.substr(there));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(last->complete);
}

TEST(ObjectStoreOnASmallDisk, ObjectsMakeRoomThatTheDiskHasNot) {
  const SmallDisk disk(8 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
  auto store = ObjectStore::Open(
      disk.path() + "/objects",
      {.quota_bytes = uint64_t{1} << 30, .min_free_bytes = 1 << 20, .boot_id = "b"});
  ASSERT_TRUE(store.ok()) << store.status();
  std::string bytes(4 << 20, 'a');
  const v1::ObjectRef a = RefOf(bytes);
  ASSERT_TRUE((*store)->AppendUntrusted(a, 0, MemoryFile(bytes)).ok());
  bytes.assign(4 << 20, 'b');
  const auto b = (*store)->AppendUntrusted(RefOf(bytes), 0, MemoryFile(bytes));
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_TRUE(b->complete);
  EXPECT_FALSE((*store)->QueryUntrusted(a)->complete);
}

TEST(ObjectStoreOnASmallDisk, AnObjectThatTheDiskNeverHoldsEvictsNothingAndLeavesNothing) {
  const SmallDisk disk(8 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
  const std::string folder = disk.path() + "/objects";
  auto store = ObjectStore::Open(
      folder, {.quota_bytes = uint64_t{1} << 30, .min_free_bytes = 1 << 20, .boot_id = "b"});
  ASSERT_TRUE(store.ok()) << store.status();
  const std::string bytes(2 << 20, 'a');
  const v1::ObjectRef a = RefOf(bytes);
  ASSERT_TRUE((*store)->AppendUntrusted(a, 0, MemoryFile(bytes)).ok());
  v1::ObjectRef large = RefOf("l");
  large.set_bytes(8 << 20);
  const absl::Status refused = (*store)->AppendUntrusted(large, 0, MemoryFile("l")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("1 MiB must stay"));
  EXPECT_FALSE(fs::exists(folder + "/" + ObjectName(large) + ".part"));
  EXPECT_TRUE((*store)->QueryUntrusted(a)->complete);
  // What is there of it already needs no room again.
  const std::string most(5 << 20, 'm');
  v1::ObjectRef other = RefOf(most + "m");
  ASSERT_TRUE((*store)->AppendUntrusted(other, 0, MemoryFile(most)).ok());
  const auto whole = (*store)->AppendUntrusted(other, most.size(), MemoryFile("m"));
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(whole->complete);
}

TEST_F(ObjectStoreTest, ALinkIsCheckedByItsBytesWhereTheStoreHasForgottenIt) {
  const v1::ObjectRef object = Keep("weights");
  const std::string link = folder_.File("link");
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", link).ok());
  EXPECT_TRUE(store_->VerifyLink(object, "weights", link).ok());
  fs::remove(path_ + "/" + ObjectName(object) + ".boot-1");
  EXPECT_TRUE(store_->VerifyLink(object, "weights", link).ok());
  std::ofstream(link) << "wEights";
  const absl::Status damaged = store_->VerifyLink(object, "weights", link);
  EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(damaged.ToString(), AllOf(HasSubstr("The weights"), HasSubstr("submit it again")));
}

// Every way in which somebody on the device changes an object's file and leaves its size alone.
class ChangedObjectTest : public ObjectStoreTest,
                          public testing::WithParamInterface<std::function<void(std::string)>> {
 protected:
  std::string FileOf(const v1::ObjectRef& object) const {
    const std::string durable = path_ + "/" + ObjectName(object);
    return fs::exists(durable) ? durable : durable + ".boot-1";
  }
};

void WriteInPlace(const std::string& path) {
  std::fstream(path, std::ios::in | std::ios::out) << "wE";
}

// Of the kernel's clock for ctime, since the file's last change.
void WaitForTheNextTick(const std::string& path) {
  struct stat before {};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  timespec now{};
  do {
    ASSERT_EQ(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
  } while (std::pair(now.tv_sec, now.tv_nsec) <=
           std::pair(before.st_ctim.tv_sec, before.st_ctim.tv_nsec));
}

void WriteAndPutTheTimeBack(const std::string& path) {
  struct stat before {};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  WaitForTheNextTick(path);
  WriteInPlace(path);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

void WriteThroughAMapping(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  void* const bytes = mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(bytes, MAP_FAILED);
  static_cast<char*>(bytes)[1] = 'E';
  EXPECT_EQ(msync(bytes, 7, MS_SYNC), 0);
  munmap(bytes, 7);
}

void PutAnotherFileThere(const std::string& path) {
  std::ofstream(path + ".new") << "wEights";
  fs::rename(path + ".new", path);
}

INSTANTIATE_TEST_SUITE_P(By, ChangedObjectTest,
                         testing::Values(WriteInPlace, WriteAndPutTheTimeBack, WriteThroughAMapping,
                                         PutAnotherFileThere));

TEST_P(ChangedObjectTest, AClientThatAsksIsToldAndSendsItAgain) {
  for (const bool durable : {false, true}) {
    const v1::ObjectRef object = Keep("weights");
    if (durable) SyncAll();
    GetParam()(FileOf(object));
    const auto state = store_->QueryUntrusted(object);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(state->damaged);
    EXPECT_FALSE(state->complete);
    EXPECT_EQ(state->bytes, 0u);
    EXPECT_FALSE(IsThere(object));
    EXPECT_FALSE(store_->QueryUntrusted(object)->damaged) << "it is said once";
  }
}

TEST_P(ChangedObjectTest, NoJobIsSubmittedWithIt) {
  const v1::ObjectRef object = Keep("weights");
  GetParam()(FileOf(object));
  const absl::Status status = store_->LinkUntrusted(object, "weights", folder_.File("link"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), HasSubstr("changed or damaged on the board's disk"));
  EXPECT_FALSE(IsThere(object));
  EXPECT_FALSE(fs::exists(folder_.File("link")));
}

TEST_P(ChangedObjectTest, AJobThatWaitedIsNotRunWithIt) {
  const v1::ObjectRef object = Keep("weights");
  const std::string link = folder_.File("link");
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", link).ok());
  SyncAll();
  GetParam()(link);
  EXPECT_EQ(store_->VerifyLink(object, "weights", link).code(), absl::StatusCode::kDataLoss);
  const auto state = store_->QueryUntrusted(object);
  ASSERT_TRUE(state.ok()) << state.status();
  const bool same_file = fs::exists(path_ + "/" + ObjectName(object));
  EXPECT_EQ(state->complete, same_file) << "only what is damaged is deleted";
}

TEST_F(ObjectStoreTest, WhatNobodyChangedIsNotHashedAgain) {
  const v1::ObjectRef object = Keep("weights");
  EXPECT_EQ(taken_, 7u);
  const std::string link = folder_.File("link"), other = folder_.File("other");
  EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", link).ok());
  SyncAll();
  ASSERT_TRUE(store_->LinkUntrusted(object, "weights", other).ok());
  EXPECT_TRUE(store_->VerifyLink(object, "weights", link).ok());
  store_->Unlink(object, link);
  EXPECT_TRUE(store_->VerifyLink(object, "weights", other).ok());
  store_->Unlink(object, other);
  store_->Unlink(object, other);  // it need not be there
  EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
  EXPECT_EQ(taken_, 7u);
}

TEST_F(ObjectStoreTest, WhatIsNotKnownIsHashedOnce) {
  const v1::ObjectRef object = Keep("weights");
  SyncAll();
  Open();  // a daemon that knows nothing
  const auto expect_one_more = [&] {
    const uint64_t before = taken_;
    EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
    EXPECT_TRUE(store_->QueryUntrusted(object)->complete);
    EXPECT_EQ(taken_, before + 7);
  };
  expect_one_more();
  fs::last_write_time(path_ + "/" + ObjectName(object), fs::file_time_type::clock::now());
  expect_one_more();
  const std::atomic<bool> stop = true;
  Open();
  EXPECT_EQ(store_->QueryUntrusted(object, &stop).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(IsThere(object));
}

TEST_F(ObjectStoreTest, ADaemonThatComesBackFindsWhatChangedMeanwhile) {
  const v1::ObjectRef object = Keep("weights");
  WriteInPlace(path_ + "/" + ObjectName(object) + ".boot-1");
  Open();
  EXPECT_TRUE(store_->QueryUntrusted(object)->damaged);
  EXPECT_FALSE(IsThere(object));
}

TEST_F(ObjectStoreTest, APartThatIsChangedWhileItIsSentNeverBecomesAnObject) {
  const v1::ObjectRef object = RefOf("weights");
  ASSERT_TRUE(Append(object, 0, "weig").ok());
  WaitForTheNextTick(Part(object));
  WriteInPlace(Part(object));
  EXPECT_EQ(Append(object, 4, "hts").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store_->QueryUntrusted(object)->bytes, 0u);
  Keep("weights");
}

TEST_F(ObjectStoreTest, OtherFilesInTheFolderAreLeftAlone) {
  std::ofstream(path_ + "/README") << "mine";
  Open(10, "boot-2");
  Keep("weights");
  EXPECT_TRUE(fs::exists(path_ + "/README"));
}

TEST(ObjectQuota, IsAQuarterOfTheDiskByDefault) {
  const SmallDisk disk(8 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "needs root to mount a small disk";
  EXPECT_EQ(DefaultObjectQuota(disk.path()), uint64_t{2} << 20);
}

}  // namespace
}  // namespace synergy
