#include "client/commands/run_transfer.h"

#include <filesystem>

#include "client/commands/exit_code.h"
#include "client/commands/run_list.h"
#include "client/commands/run_resolution.h"
#include "client/store/sqlite.h"
#include "client/store/truth_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/commands/fake_board.h"
#include "tests/client/sample_run.h"
#include "tests/support/fake_clock.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunTransferTest : public testing::Test {
 protected:
  RunTransferTest() {
    auto store = Store::Open(folder_.File("store.db"), StoreAccess::kWrite);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    number_ = *store_->PutRun(SampleBoard(), SampleStatus());
  }

  absl::Status Transfer(std::stop_token stop = {}) {
    RunTransfer transfer(*store_, info_, board_, clock_,
                         {.on_status = [&](const v1::JobStatus&) { ++statuses_; },
                          .on_note = [&](const std::string& note) { notes_.push_back(note); },
                          .on_complete = on_complete_});
    return transfer.Complete(number_, stop);
  }
  StoredRun Stored() { return *store_->Run(number_); }
  bool HasTruth() {
    auto truths = TruthStore::Open(store_->path(), StoreAccess::kRead);
    return truths.ok() && *(*truths)->Has("board-1", kSampleRunId);
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeBoard board_{clock_};
  const v1::BoardInfo info_ = SampleBoard();
  std::unique_ptr<Store> store_;
  int64_t number_ = 0;
  int statuses_ = 0;
  std::vector<std::string> notes_;
  std::function<absl::Status(const StoredRun&)> on_complete_;
};

TEST_F(RunTransferTest, StoresEverythingAndThenTheBoardMayForget) {
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
  EXPECT_FALSE(Stored().unfinished());
  EXPECT_TRUE(board_.forgotten);
  EXPECT_EQ(statuses_, 1);
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(RunTransferTest, AnotherClientsRunIsStoredAndLeftOnTheBoard) {
  board_.is_others = true;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
  EXPECT_FALSE(Stored().unfinished()) << "a later fetch has nothing to do";
  EXPECT_TRUE(HasTruth());
  EXPECT_FALSE(board_.forgotten);
  EXPECT_THAT(board_.acknowledged, testing::SizeIs(1)) << "it is not asked again and again";
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("another client's")));
}

TEST_F(RunTransferTest, TheTruthIsFetchedBeforeTheLastAcknowledgement) {
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(HasTruth());
}

TEST_F(RunTransferTest, WhatElseIsWantedIsTakenWhileTheBoardStillHasTheRun) {
  int calls = 0;
  on_complete_ = [&](const StoredRun& run) {
    EXPECT_TRUE(run.complete);
    EXPECT_FALSE(board_.forgotten);
    return ++calls == 1 ? FromDevice(absl::UnavailableError("connection reset"))
                        : absl::InternalError("the disk is full");
  };
  ASSERT_TRUE(Transfer().ok()) << "its failure is its caller's";
  EXPECT_EQ(calls, 2) << "asked again once the board was back";
  EXPECT_TRUE(board_.forgotten);
}

TEST_F(RunTransferTest, ATruthThatCannotBeStoredHoldsUpNothingAndStaysOnTheBoard) {
  const std::string path = store_->path() + ".truth";
  {
    auto truths = TruthStore::Open(store_->path(), StoreAccess::kWrite);
    auto database = Database::Open(path, Database::Mode::kExisting);
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 999").ok());
  }
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
  EXPECT_THAT(notes_, ElementsAre(AllOf(HasSubstr("newer"), HasSubstr("synergyctl fetch"))));
  EXPECT_FALSE(board_.forgotten);
  EXPECT_TRUE(Stored().unfinished());
  std::filesystem::remove(path);
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(HasTruth());
  EXPECT_TRUE(board_.forgotten);
}

TEST_F(RunTransferTest, AcknowledgesOnlyWhatIsCommitted) {
  board_.before_chunk = [&](uint64_t) {
    for (const uint64_t next_seq : board_.acknowledged) EXPECT_LE(next_seq, Stored().next_seq);
  };
  ASSERT_TRUE(Transfer().ok());
  EXPECT_THAT(board_.acknowledged, ElementsAre(1, 2, 3, 4, 5));
}

// A board whose calls were all taken by others ended a run midway.
TEST_F(RunTransferTest, AnAcknowledgementForWhichTheBoardIsTooBusyEndsNothing) {
  board_.busy_for = 2;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
  EXPECT_THAT(board_.acknowledged, ElementsAre(3, 4, 5));
  EXPECT_TRUE(board_.forgotten);
}

TEST_F(RunTransferTest, WithoutItsLastAcknowledgementARunIsWholeAndLeftToALaterFetch) {
  board_.busy_for = 100;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
  EXPECT_TRUE(Stored().unfinished());
  board_.busy_for = 0;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(board_.forgotten);
  EXPECT_FALSE(Stored().unfinished());
}

TEST_F(RunTransferTest, CommitsAtMostEvery200Milliseconds) {
  board_.chunk_every = Milliseconds(90);
  ASSERT_TRUE(Transfer().ok());
  EXPECT_THAT(board_.acknowledged, ElementsAre(3, 5));
}

TEST_F(RunTransferTest, ResumesWhereTheStoreEnds) {
  ASSERT_TRUE(store_->AppendChunks(number_, std::span(board_.chunks).first(2)).ok());
  ASSERT_TRUE(Transfer().ok());
  EXPECT_THAT(board_.followed_from, ElementsAre(2));
  EXPECT_TRUE(Stored().complete);
}

TEST_F(RunTransferTest, ALostConnectionIsTakenUpAgainWithoutLossOrRepeats) {
  board_.breaks_at = {1, 3};
  board_.away_for = 2;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_THAT(board_.followed_from, ElementsAre(0, 1, 3));
  EXPECT_TRUE(Stored().complete);
  EXPECT_EQ(notes_.size(), 2u);
}

TEST_F(RunTransferTest, ABoardThatStaysAwayIsPartialDataAndACallLaterGoesOn) {
  board_.breaks_at = {2};
  board_.away_for = 1'000'000;
  const MonotonicTime begin = clock_.Now();
  const absl::Status status = Transfer();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kPartial) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("synergyctl fetch"));
  EXPECT_LT((clock_.Now() - begin).seconds(), 15);
  EXPECT_EQ(Stored().next_seq, 2u);
  board_.away_for = 0;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
}

TEST_F(RunTransferTest, ABoardThatKeepsBreakingOffIsGivenUp) {
  board_.breaks_at = std::deque<uint64_t>(1000, 2);
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(ExitCodeOf(Transfer()), ExitCode::kPartial);
  EXPECT_LT((clock_.Now() - begin).seconds(), 15);
  EXPECT_EQ(notes_.size(), 1u) << "said once";
}

TEST_F(RunTransferTest, ALossThatWasNoticedLateIsStillLookedFor) {
  // What a keepalive takes to find out that a board lost its power.
  board_.before_chunk = [&](uint64_t seq) {
    if (seq == 1) clock_.Advance(Seconds(60));
  };
  board_.breaks_at = {2};
  board_.away_for = 3;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
}

TEST_F(RunTransferTest, DeathBetweenCommitAndAcknowledgementIsMadeUpFor) {
  ASSERT_TRUE(store_->AppendChunks(number_, board_.chunks).ok());
  ASSERT_TRUE(Transfer().ok());
  EXPECT_THAT(board_.followed_from, IsEmpty());
  EXPECT_THAT(board_.acknowledged, ElementsAre(5));
  EXPECT_TRUE(HasTruth());
  EXPECT_FALSE(Stored().unfinished());
}

TEST_F(RunTransferTest, DeathAfterTheLastAcknowledgementIsNoLoss) {
  ASSERT_TRUE(store_->AppendChunks(number_, board_.chunks).ok());
  board_.forgotten = true;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_FALSE(Stored().unfinished());
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("has no truth")));
}

TEST_F(RunTransferTest, ABoardThatForgotTheRestAbandonsTheRun) {
  ASSERT_TRUE(store_->AppendChunks(number_, std::span(board_.chunks).first(2)).ok());
  board_.forgotten = true;
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().abandoned);
  EXPECT_FALSE(Stored().unfinished());
  EXPECT_THAT(Stored().error, HasSubstr("no longer has the rest"));
}

TEST_F(RunTransferTest, ARunThatTheBoardHasEvictedSaysSo) {
  board_.forgotten = true;
  v1::EvictedRun& evicted = *board_.queue.add_evicted();
  evicted.set_run_id(Stored().run_id);
  evicted.set_evicted_unix_s(1'700'000'000);
  evicted.set_chunks(7);
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(IsEvicted(Stored()));
  EXPECT_THAT(Stored().error, HasSubstr("at 2023-11-14T22:13:20.000Z by its quota"));
  EXPECT_THAT(Stored().error, HasSubstr("0 of its 7 chunks"));
  EXPECT_THAT(RunListText({Stored()}), HasSubstr("EVICTED, incomplete"));
}

TEST_F(RunTransferTest, ARunWithoutItsEndRecordSaysWhatTheBoardSaid) {
  board_.chunks.pop_back();
  board_.final_state = v1::JOB_STATE_FAILED;
  board_.final_error = "no space left on the board";
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().abandoned);
  EXPECT_EQ(Stored().state, v1::JOB_STATE_FAILED);
  EXPECT_EQ(Stored().error, "no space left on the board");
  EXPECT_TRUE(board_.forgotten) << "the board may free its disk";
}

TEST_F(RunTransferTest, AStoreThatCannotBeWrittenKeepsTheBoardFromForgetting) {
  absl::Status status;
  {
    const FileSizeLimit limit(8192);
    status = Transfer();
  }
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kPartial) << status;
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("goes on measuring"), HasSubstr("synergyctl fetch")));
  EXPECT_FALSE(board_.forgotten);
  EXPECT_EQ(Stored().next_seq, board_.acknowledged.empty() ? 0u : board_.acknowledged.back());
  ASSERT_TRUE(Transfer().ok());
  EXPECT_TRUE(Stored().complete);
}

TEST_F(RunTransferTest, StoppingKeepsWhatCame) {
  std::stop_source stop;
  board_.chunk_every = Milliseconds(1);  // nothing would be committed yet
  board_.before_chunk = [&](uint64_t seq) {
    if (seq == 2) stop.request_stop();
  };
  const absl::Status status = Transfer(stop.get_token());
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kInterrupted);
  EXPECT_EQ(Stored().next_seq, 3u);
}

TEST_F(RunTransferTest, ADamagedChunkIsRefusedAndNothingOfItKept) {
  board_.chunks[1].mutable_data()->back() ^= 1;
  const absl::Status status = Transfer();
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kRefused);
  EXPECT_THAT(status.ToString(), HasSubstr("checksum"));
  EXPECT_EQ(Stored().next_seq, 1u);
}

}  // namespace
}  // namespace synergy
