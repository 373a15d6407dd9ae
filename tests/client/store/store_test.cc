#include "client/store/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "client/store/sqlite.h"
#include "client/store/store_schema.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/sample_run.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreTest : public testing::Test {
 protected:
  std::unique_ptr<Store> Open(StoreAccess access = StoreAccess::kWrite) {
    auto store = Store::Open(path_, access);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  int64_t PutSample(Store& store) {
    const auto number = store.PutRun(SampleBoard(), SampleStatus());
    EXPECT_TRUE(number.ok()) << number.status();
    return *number;
  }
  static std::vector<std::string> Stored(Store& store, int64_t number) {
    std::vector<std::string> chunks;
    const absl::Status read = store.ForEachChunk(number, [&](const v1::Chunk& chunk) {
      chunks.push_back(chunk.SerializeAsString());
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    return chunks;
  }
  static std::vector<std::string> Bytes(const std::vector<v1::Chunk>& chunks) {
    std::vector<std::string> bytes;
    for (const v1::Chunk& chunk : chunks) bytes.push_back(chunk.SerializeAsString());
    return bytes;
  }

  static std::vector<std::string> Tokens(Store& store, const std::string& board_id) {
    const auto submissions = store.Submissions(board_id);
    EXPECT_TRUE(submissions.ok()) << submissions.status();
    std::vector<std::string> tokens;
    for (const Submission& submission : *submissions) tokens.push_back(submission.token);
    return tokens;
  }

  TempFolder folder_;
  const std::string path_ = folder_.File("store.db");
  const std::vector<v1::Chunk> chunks_ = SampleChunks();
};

TEST_F(StoreTest, ASweepIsTakenUpUntilItIsFinished) {
  const auto store = Open();
  const StoredSweep wanted = {.board_id = "b", .name = "n", .digest = "d", .jobs = 2};
  const int64_t first = store->TakeUpSweep(wanted)->sweep;
  EXPECT_EQ(Open()->TakeUpSweep(wanted)->sweep, first);
  StoredSweep other = wanted;
  other.board_id = "another board";
  EXPECT_NE(store->TakeUpSweep(other)->sweep, first);
  other = wanted;
  other.digest = "another plan";
  EXPECT_NE(store->TakeUpSweep(other)->sweep, first);
  ASSERT_TRUE(store->FinishSweep(first).ok());
  EXPECT_NE(store->TakeUpSweep(wanted)->sweep, first);
}

TEST_F(StoreTest, ASweepKeepsTheFilesThatItWasPlannedWith) {
  const auto store = Open();
  const FileHashes planned = {{"/m/a.onnx", "01"}, {"/m/b.onnx", "02"}};
  StoredSweep wanted = {.board_id = "b", .name = "n", .digest = "d", .jobs = 2, .files = planned};
  const int64_t first = store->TakeUpSweep(wanted)->sweep;
  wanted.files["/m/a.onnx"] = "03";
  EXPECT_EQ(Open()->TakeUpSweep(wanted)->files, planned);
  const auto anew = store->TakeUpSweep(wanted, OpenSweep::kFinish);
  EXPECT_NE(anew->sweep, first);
  EXPECT_EQ(anew->files, wanted.files);
  EXPECT_EQ(store->TakeUpSweep(wanted)->sweep, anew->sweep) << "the first one is not taken up";
}

TEST_F(StoreTest, AnAttemptIsTheRunThatCameOfItsTokenAlsoWhenTheRunIsDeleted) {
  const auto store = Open();
  const int64_t sweep =
      store->TakeUpSweep({.board_id = "b", .name = "n", .digest = "d", .jobs = 1})->sweep;
  ASSERT_TRUE(store->AddAttempt(sweep, {.job = 0, .attempt = 1, .token = "t1"}).ok());
  EXPECT_FALSE(store->AddAttempt(sweep, {.job = 1, .attempt = 1, .token = "t1"}).ok());
  EXPECT_FALSE(store->Attempts(sweep)->at(0).run.has_value());
  v1::JobStatus status = SampleStatus();
  status.mutable_spec()->set_token("t1");
  const auto number = store->PutRun(SampleBoard(), status);
  ASSERT_TRUE(number.ok()) << number.status();
  EXPECT_EQ(store->Attempts(sweep)->at(0).run, *number);
  ASSERT_TRUE(store->SetOutcome("t1", AttemptOutcome::kInterrupted).ok());
  ASSERT_TRUE(store->Delete(std::vector<int64_t>{*number}).ok());
  EXPECT_EQ(store->Attempts(sweep)->at(0).run, *number);
  EXPECT_EQ(store->Attempts(sweep)->at(0).outcome, AttemptOutcome::kInterrupted);
}

TEST_F(StoreTest, GivesBackTheChunksAsTheyCame) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  EXPECT_EQ(Stored(*store, number), Bytes(chunks_));
  store.reset();
  EXPECT_EQ(Stored(*Open(StoreAccess::kRead), number), Bytes(chunks_));
}

TEST_F(StoreTest, TakesTheIndexFromHeaderAndEnd) {
  auto store = Open();
  const int64_t number = *store->PutRun(SampleBoard(), SampleStatus(v1::JOB_STATE_QUEUED));
  EXPECT_FALSE(store->Run(number)->started_unix_ns.has_value());
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).first(1)).ok());
  StoredRun run = *store->Run(number);
  EXPECT_EQ(run.started_unix_ns, kSampleWallNs);
  EXPECT_EQ(run.state, v1::JOB_STATE_RUNNING);
  EXPECT_FALSE(run.complete);
  EXPECT_TRUE(run.unfinished());
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).subspan(1)).ok());
  run = *store->Run(number);
  EXPECT_EQ(run.state, v1::JOB_STATE_DONE);
  EXPECT_TRUE(run.complete);
  EXPECT_EQ(run.next_seq, chunks_.size());
  EXPECT_TRUE(run.unfinished()) << "the board has not been told";
  ASSERT_TRUE(store->SetAcknowledged(number, run.next_seq).ok());
  EXPECT_FALSE(store->Run(number)->unfinished());
}

TEST_F(StoreTest, ReceivingTwiceStoresOnce) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).first(3)).ok());
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  EXPECT_EQ(Stored(*store, number), Bytes(chunks_));
  uint64_t bytes = 0;
  for (const v1::Chunk& chunk : chunks_) bytes += chunk.data().size();
  EXPECT_EQ(store->Run(number)->bytes, bytes);
}

TEST_F(StoreTest, RefusesTheSameChunkWithOtherBytes) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).first(2)).ok());
  const std::string other = EncodeReadings(SampleReadings(4999));
  const std::vector<v1::Chunk> changed = {
      MakeChunk(1, chunks_[1].channel(), 0, chunks_[1].count(), v1::ENCODING_READINGS, other)};
  EXPECT_TRUE(absl::IsDataLoss(store->AppendChunks(number, changed)));
  EXPECT_EQ(Stored(*store, number), Bytes({chunks_[0], chunks_[1]}));
}

TEST_F(StoreTest, RefusesAHoleADamagedChunkAndAnythingAfterTheEnd) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  const std::vector<v1::Chunk> with_hole = {chunks_[0], chunks_[2]};
  EXPECT_TRUE(absl::IsDataLoss(store->AppendChunks(number, with_hole)));
  std::vector<v1::Chunk> damaged = {chunks_[0], chunks_[1]};
  damaged[1].mutable_data()->back() ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(store->AppendChunks(number, damaged)));
  EXPECT_TRUE(Stored(*store, number).empty()) << "half a batch was kept";
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  v1::Chunk late = chunks_[0];
  late.set_seq(chunks_.size());
  EXPECT_TRUE(absl::IsDataLoss(store->AppendChunks(number, std::span(&late, 1))));
}

TEST_F(StoreTest, KeysRunsByBoardAndRun) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  EXPECT_EQ(PutSample(*store), number);
  v1::BoardInfo other = SampleBoard();
  other.set_board_id("board-2");
  EXPECT_NE(*store->PutRun(other, SampleStatus()), number);
  EXPECT_EQ(store->Runs()->size(), 2u);
  EXPECT_EQ(store->UnfinishedRuns("board-2")->size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(store->Run(99).status()));
}

TEST_F(StoreTest, NumbersRunsWithoutHoles) {
  auto store = Open();
  v1::JobStatus status = SampleStatus();
  for (int64_t number = 1; number <= 3; ++number) {
    status.set_run_id("run-" + std::to_string(number));
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(*store->PutRun(SampleBoard(), status), number);
    }
  }
}

TEST_F(StoreTest, ALateStatusDoesNotTakeBackTheEnd) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  ASSERT_TRUE(store->PutRun(SampleBoard(), SampleStatus(v1::JOB_STATE_RUNNING)).ok());
  EXPECT_EQ(store->Run(number)->state, v1::JOB_STATE_DONE);
}

TEST_F(StoreTest, AnAbandonedRunIsNotAskedForAgain) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).first(2)).ok());
  ASSERT_TRUE(store->SetAbandoned(number, "the board forgot it").ok());
  EXPECT_TRUE(store->UnfinishedRuns("board-1")->empty());
  EXPECT_EQ(store->Run(number)->error, "the board forgot it");
}

TEST_F(StoreTest, DeletingARunDeletesItsChunksAndItsNumberForEver) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  ASSERT_TRUE(store->Delete(std::span(&number, 1)).ok());
  EXPECT_TRUE(store->Runs()->empty());
  auto database = Database::Open(path_, Database::Mode::kExisting);
  EXPECT_EQ(*database->QueryInt("SELECT count(*) FROM chunks"), 0);
  EXPECT_GT(PutSample(*store), number);
}

TEST_F(StoreTest, TheNumberOfARunThatNeverWasWholeIsGivenAgain) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->ForgetNumber(number).ok());
  v1::JobStatus status = SampleStatus();
  status.set_run_id("second");
  const int64_t second = *store->PutRun(SampleBoard(), status);
  EXPECT_GT(second, number) << "it is there still";
  ASSERT_TRUE(store->Delete(std::span(&number, 1)).ok());
  ASSERT_TRUE(store->ForgetNumber(number).ok());
  status.set_run_id("third");
  const int64_t third = *store->PutRun(SampleBoard(), status);
  EXPECT_GT(third, second) << "a later one had a number already";
  ASSERT_TRUE(store->Delete(std::span(&third, 1)).ok());
  ASSERT_TRUE(store->ForgetNumber(third).ok());
  status.set_run_id("fourth");
  EXPECT_EQ(*store->PutRun(SampleBoard(), status), third);
}

// A process that dies between its inserts and its commit leaves nothing; the next one goes on from
// what was committed before.
TEST_F(StoreTest, DeathBeforeTheCommitLeavesWhatWasCommitted) {
  const int64_t number = PutSample(*Open());
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::Open(path_, StoreAccess::kWrite);
    if (!(*store)->AppendChunks(number, std::span(chunks_).first(2)).ok()) _exit(1);
    auto database = Database::Open(path_, Database::Mode::kExisting);
    auto transaction = Transaction::Begin(*database);
    if (!database->Execute("UPDATE runs SET next_seq = 99; DELETE FROM chunks").ok()) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto store = Open();
  EXPECT_EQ(store->Run(number)->next_seq, 2u);
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).subspan(2)).ok());
  EXPECT_EQ(Stored(*store, number), Bytes(chunks_));
}

TEST_F(StoreTest, AFullDatabaseSaysSoAndKeepsNoHalfOfABatch) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).first(1)).ok());
  absl::Status status;
  {
    // The log of a transaction does not fit: SQLite meets EFBIG where a full disk gives ENOSPC.
    const FileSizeLimit limit(8192);
    status = store->AppendChunks(number, std::span(chunks_).subspan(1));
  }
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.ToString(), HasSubstr("cannot write to the store"));
  EXPECT_EQ(Stored(*store, number), Bytes({chunks_[0]}));
  ASSERT_TRUE(store->AppendChunks(number, std::span(chunks_).subspan(1)).ok());
  EXPECT_EQ(Stored(*store, number), Bytes(chunks_));
}

TEST_F(StoreTest, TwoProcessesMayCreateAndFillItAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      auto store = Store::Open(path_, StoreAccess::kWrite);
      if (!store.ok()) _exit(1);
      v1::JobStatus status = SampleStatus();
      status.set_run_id("run-" + std::to_string(i));
      const auto number = (*store)->PutRun(SampleBoard(), status);
      if (!number.ok()) _exit(2);
      for (const v1::Chunk& chunk : chunks_) {
        if (!(*store)->AppendChunks(*number, std::span(&chunk, 1)).ok()) _exit(3);
      }
      _exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  auto store = Open(StoreAccess::kRead);
  const auto runs = store->Runs();
  ASSERT_EQ(runs->size(), 4u);
  for (const StoredRun& run : *runs) EXPECT_TRUE(run.complete);
}

TEST_F(StoreTest, CommitsAreSynchronousAndForeignKeysHold) {
  Open();
  const DatabaseSchema schema{kStoreApplicationId, "store", kStoreMigrations};
  auto database = OpenVersioned(path_, StoreAccess::kWrite, schema);
  EXPECT_EQ(*database->QueryInt("PRAGMA synchronous"), 2);
  EXPECT_EQ(*database->QueryInt("PRAGMA foreign_keys"), 1);
  EXPECT_FALSE(database->Execute("INSERT INTO chunks VALUES (1, 1, 0, 0, 0, 1, 1, 0, x'00')").ok())
      << "a chunk without its run";
}

TEST_F(StoreTest, ASubmissionLastsUntilItsRunIsEntered) {
  auto store = Open();
  ASSERT_TRUE(store->AddSubmission("board-1", {"token-a", 5}).ok());
  ASSERT_TRUE(store->AddSubmission("board-1", {"token-b", 4}).ok());
  ASSERT_TRUE(store->AddSubmission("board-2", {"token-c", 6}).ok());
  EXPECT_FALSE(store->AddSubmission("board-2", {"token-a", 7}).ok()) << "a token is used once";
  store.reset();
  store = Open();
  EXPECT_THAT(Tokens(*store, "board-1"), ElementsAre("token-b", "token-a")) << "the oldest first";
  EXPECT_EQ(store->Submissions("board-1")->front().created_unix_ns, 4);

  v1::JobStatus status = SampleStatus();
  status.mutable_spec()->set_token("token-a");
  ASSERT_TRUE(store->PutRun(SampleBoard(), status).ok());
  EXPECT_THAT(Tokens(*store, "board-1"), ElementsAre("token-b"));
  ASSERT_TRUE(store->RemoveSubmission("board-1", "token-b").ok());
  EXPECT_THAT(Tokens(*store, "board-1"), ElementsAre());
  EXPECT_THAT(Tokens(*store, "board-2"), ElementsAre("token-c"));
}

TEST_F(StoreTest, ARunThatCannotBeEnteredLeavesItsSubmission) {
  auto store = Open();
  ASSERT_TRUE(store->AddSubmission("board-1", {"token-a", 5}).ok());
  auto database = Database::Open(path_, Database::Mode::kExisting);
  ASSERT_TRUE(database
                  ->Execute("CREATE TRIGGER refuse BEFORE DELETE ON submissions "
                            "BEGIN SELECT RAISE(ABORT, 'no'); END")
                  .ok());
  v1::JobStatus status = SampleStatus();
  status.mutable_spec()->set_token("token-a");
  EXPECT_FALSE(store->PutRun(SampleBoard(), status).ok());
  EXPECT_TRUE(store->Runs()->empty()) << "the run without the end of its submission";
  EXPECT_THAT(Tokens(*store, "board-1"), ElementsAre("token-a"));
}

// With one run, of which no chunk has come.
void MakeStoreOfVersion1(const std::string& path) {
  const DatabaseSchema first{kStoreApplicationId, "store", std::span(kStoreMigrations).first(1)};
  auto old = OpenVersioned(path, StoreAccess::kWrite, first);
  ASSERT_TRUE(old.ok()) << old.status();
  ASSERT_TRUE(old->Execute("INSERT INTO boards VALUES (1, 'board-1', 'b', 'B', 1);"
                           "INSERT INTO runs (board, run_id, net, engine, submitted_unix_ns, "
                           "state, simulated) VALUES (1, 'run-0123456789abcdef', 'tiny', "
                           "'caffe2-eigen', 3, 2, 1)")
                  .ok());
}

TEST_F(StoreTest, AStoreOfVersion1IsMigratedWithItsRuns) {
  ASSERT_NO_FATAL_FAILURE(MakeStoreOfVersion1(path_));
  auto store = Open(StoreAccess::kRead);
  ASSERT_EQ(store->Runs()->size(), 1u);
  const int64_t number = store->Runs()->front().number;
  EXPECT_EQ(store->Run(number)->net, "tiny");
  store = Open();
  ASSERT_TRUE(store->AppendChunks(number, chunks_).ok());
  EXPECT_TRUE(store->Run(number)->complete);
  EXPECT_TRUE(store->AddSubmission("board-1", {"token-a", 5}).ok());
  auto database = Database::Open(path_, Database::Mode::kExisting);
  EXPECT_EQ(*database->QueryInt("PRAGMA user_version"), 6);
}

std::vector<std::string> TagsOf(Store& store, int64_t number) { return store.Run(number)->tags; }

TEST_F(StoreTest, ATagIsOnOneRunOrOnSeveralAndGoesWithThem) {
  auto store = Open();
  v1::JobStatus other = SampleStatus();
  other.set_run_id("other");
  const int64_t first = PutSample(*store), second = *store->PutRun(SampleBoard(), other);
  ASSERT_TRUE(store->SetTag("main", first).ok());
  ASSERT_TRUE(store->AddTag("feature/x", first).ok());
  EXPECT_THAT(TagsOf(*store, first), ElementsAre("feature/x", "main"));
  EXPECT_THAT(TagsOf(*store, second), IsEmpty());
  ASSERT_TRUE(store->SetTag("main", second).ok());
  EXPECT_THAT(TagsOf(*store, first), ElementsAre("feature/x")) << "it moved";
  ASSERT_TRUE(store->AddTag("main", first).ok());
  ASSERT_TRUE(store->AddTag("main", first).ok()) << "twice is once";
  store = Open(StoreAccess::kRead);
  EXPECT_THAT(TagsOf(*store, first), ElementsAre("feature/x", "main"));
  EXPECT_THAT(TagsOf(*store, second), ElementsAre("main"));
  store = Open();
  ASSERT_TRUE(store->Delete(std::vector<int64_t>{second}).ok());
  ASSERT_TRUE(store->RemoveTag("main", first).ok());
  EXPECT_THAT(TagsOf(*store, first), ElementsAre("feature/x"));
  EXPECT_TRUE(absl::IsNotFound(store->RemoveTag("main", std::nullopt)));
  EXPECT_TRUE(absl::IsNotFound(store->RemoveTag("feature/x", second)));
}

TEST_F(StoreTest, ANameThatMayBeANumberOrAnotherWordIsNoTag) {
  auto store = Open();
  const int64_t number = PutSample(*store);
  for (const char* name : {"", "7", "2024-x", "last", "a b", "a,b", "-x", "\xc3\xa4"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store->SetTag(name, number))) << name;
  }
  EXPECT_FALSE(store->SetTag(std::string(65, 'x'), number).ok());
  EXPECT_FALSE(store->SetTag("main", number + 1).ok()) << "there is no such run";
  EXPECT_THAT(TagsOf(*store, number), IsEmpty());
}

// SQLite itself says of the new file only that it cannot open it.
TEST(StoreOnAReadOnlyDisk, IsReadAndRefusedForWritingWithARemedy) {
  const SmallDisk disk(1 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a disk";
  const std::string path = disk.path() + "/store.db";
  {
    auto store = Store::Open(path, StoreAccess::kWrite);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->PutRun(SampleBoard(), SampleStatus()).ok());
  }
  ASSERT_EQ(mount(nullptr, disk.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  auto reader = Store::Open(path, StoreAccess::kRead);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Runs()->size(), 1u);
  for (const std::string& name : {path, disk.path() + "/new.db"}) {
    const absl::Status refused = Store::Open(name, StoreAccess::kWrite).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_THAT(refused.ToString(), AllOf(HasSubstr(name), HasSubstr("--store FILE"))) << refused;
  }
}

// Was refused: it must be brought to the present version, and cannot be.
TEST(StoreOnAReadOnlyDisk, OfVersion1IsReadToo) {
  const SmallDisk disk(1 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a disk";
  const std::string path = disk.path() + "/store.db";
  ASSERT_NO_FATAL_FAILURE(MakeStoreOfVersion1(path));
  ASSERT_EQ(mount(nullptr, disk.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  auto reader = Store::Open(path, StoreAccess::kRead);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Runs()->size(), 1u);
  EXPECT_TRUE((*reader)->Submissions("board-1")->empty());
  EXPECT_EQ((*reader)->path(), path);
}

}  // namespace
}  // namespace synergy
