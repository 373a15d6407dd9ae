// Where a sweep goes on, from what is in the store, whatever died before.
#include "client/commands/sweep_jobs.h"

#include <array>

#include "client/commands/run_transfer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/commands/fake_board.h"
#include "tests/client/sample_run.h"
#include "tests/support/fake_clock.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr size_t kJobs = 3;

std::unique_ptr<Store> OpenStore(const std::string& path) {
  auto store = Store::Open(path, StoreAccess::kWrite);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

StoredSweep Wanted() {
  return {.board_id = "board-1", .name = "nightly", .digest = "d", .jobs = kJobs};
}

class SweepJobsTest : public testing::Test {
 protected:
  // As a later command finds them.
  std::vector<SweepJob> Load() {
    return LoadSweepJobs(*OpenStore(folder_.File("store.db")), sweep_, kJobs).value();
  }
  std::string Token(size_t job) { return TokenToSend(*store_, sweep_, Load(), job).value(); }
  // The board has taken it as a run of this id.
  int64_t Enter(const std::string& token, const std::string& run_id) {
    v1::JobStatus job = SampleStatus(v1::JOB_STATE_QUEUED);
    job.set_run_id(run_id);
    job.mutable_spec()->set_token(token);
    return store_->PutRun(SampleBoard(), job).value();
  }
  // Brings the run, which the board ends in `state`.
  void Receive(int64_t run, v1::JobState state, bool interrupted = false, bool lost = false) {
    FakeBoard board(clock_);
    board.final_state = state;
    board.chunks = SampleChunks(state);
    if (interrupted) {
      v1::RunRecord end = SampleEnd(state);
      end.mutable_end()->set_interrupted(true);
      const v1::Chunk last = board.chunks.back();
      board.chunks.back() = MakeChunk(last.seq(), last.channel(), last.first_sequence(), 1,
                                      last.encoding(), EncodeRunRecords({end}));
    }
    board.forgotten = lost;
    const v1::BoardInfo info = SampleBoard();
    RunTransfer transfer(*store_, info, board, clock_,
                         {.on_status = [](const v1::JobStatus&) {},
                          .on_note = [](const std::string&) {},
                          .on_complete = {}});
    ASSERT_TRUE(transfer.Complete(run, {}).ok());
  }

  TempFolder folder_;
  FakeClock clock_;
  std::unique_ptr<Store> store_ = OpenStore(folder_.File("store.db"));
  const int64_t sweep_ = store_->TakeUpSweep(Wanted())->sweep;
};

TEST_F(SweepJobsTest, JobsAreSentInTheirOrder) {
  EXPECT_EQ(NextToSend(Load()), 0u);
  Enter(Token(0), "r0");
  EXPECT_EQ(NextToSend(Load()), 1u);
  EXPECT_TRUE(Load()[0].on_board());
  Enter(Token(1), "r1");
  Enter(Token(2), "r2");
  EXPECT_EQ(NextToSend(Load()), std::nullopt);
  EXPECT_EQ(OldestOnBoard(Load()), 0u);
}

TEST_F(SweepJobsTest, AnAttemptThatMayHaveArrivedIsSentAgainUnderItsToken) {
  const std::string token = Token(0);
  EXPECT_THAT(Load()[0].attempts, SizeIs(1)) << "before anything is sent";
  EXPECT_EQ(NextToSend(Load()), 0u);
  EXPECT_EQ(Token(0), token);
  EXPECT_THAT(Load()[0].attempts, SizeIs(1));
}

TEST_F(SweepJobsTest, WhatIsDoneIsNotRepeated) {
  Receive(Enter(Token(0), "r0"), v1::JOB_STATE_DONE);
  EXPECT_EQ(Load()[0].outcome(), AttemptOutcome::kDone);
  EXPECT_EQ(CountEnded(Load()), 1u);
  EXPECT_EQ(NextToSend(Load()), 1u);
  EXPECT_EQ(store_->Attempts(sweep_)->front().outcome, AttemptOutcome::kDone) << "and noted";
}

TEST_F(SweepJobsTest, WhatFailsByItselfOrIsCancelledIsNotTriedAgain) {
  Receive(Enter(Token(0), "r0"), v1::JOB_STATE_FAILED);
  Receive(Enter(Token(1), "r1"), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Load()[0].outcome(), AttemptOutcome::kFailed);
  EXPECT_EQ(Load()[1].outcome(), AttemptOutcome::kCancelled);
  EXPECT_EQ(NextToSend(Load()), 2u);
}

TEST_F(SweepJobsTest, AnInterruptedAttemptIsKeptAndAnotherMadeUnderAnotherToken) {
  const std::string first = Token(0);
  Receive(Enter(first, "r0"), v1::JOB_STATE_FAILED, /*interrupted=*/true);
  EXPECT_EQ(Load()[0].outcome(), AttemptOutcome::kInterrupted);
  EXPECT_EQ(NextToSend(Load()), 0u);
  const std::string second = Token(0);
  EXPECT_NE(second, first);
  Receive(Enter(second, "r0b"), v1::JOB_STATE_DONE);
  const std::vector<SweepJob> jobs = Load();
  ASSERT_THAT(jobs[0].attempts, SizeIs(2));
  EXPECT_EQ(jobs[0].attempts[0].token, first);
  EXPECT_EQ(jobs[0].attempts[1].attempt, 2);
  EXPECT_EQ(jobs[0].CountInterrupted(), 1u);
  EXPECT_TRUE(jobs[0].ended());
}

TEST_F(SweepJobsTest, ARunWhoseRecordsTheBoardHasLostIsMadeAgain) {
  Receive(Enter(Token(0), "r0"), v1::JOB_STATE_DONE, false, /*lost=*/true);
  EXPECT_EQ(Load()[0].outcome(), AttemptOutcome::kInterrupted);
  EXPECT_EQ(NextToSend(Load()), 0u);
}

TEST_F(SweepJobsTest, ARunThatTheUserHasDeletedCountsAsCancelled) {
  const int64_t run = Enter(Token(0), "r0");
  Receive(run, v1::JOB_STATE_DONE);
  ASSERT_TRUE(store_->Delete(std::array{run}).ok());
  EXPECT_EQ(Load()[0].outcome(), AttemptOutcome::kCancelled);
  EXPECT_EQ(NextToSend(Load()), 1u);
}

TEST_F(SweepJobsTest, TheRunThatWasEnteredFirstIsReceivedFirst) {
  const std::string zero = Token(0), one = Token(1);
  Enter(one, "r1");
  Enter(zero, "r0");
  EXPECT_EQ(OldestOnBoard(Load()), 1u);
}

TEST_F(SweepJobsTest, ASweepThatIsFinishedIsNotTakenUpAgain) {
  EXPECT_EQ(store_->TakeUpSweep(Wanted())->sweep, sweep_);
  ASSERT_TRUE(store_->FinishSweep(sweep_).ok());
  EXPECT_NE(store_->TakeUpSweep(Wanted())->sweep, sweep_);
}

TEST(SweepJobsOnAFullDisk, NothingIsSentWhoseTokenIsNotOnTheDisk) {
  SmallDisk disk(1 << 20);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a disk";
  const auto store = OpenStore(disk.path() + "/store.db");
  const int64_t sweep = store->TakeUpSweep(Wanted())->sweep;
  const auto load = [&] { return LoadSweepJobs(*store, sweep, kJobs).value(); };
  const std::string first = TokenToSend(*store, sweep, load(), 0).value();
  disk.FillUpTo(0);
  // SQLite may have some room left in its files.
  absl::Status full;
  size_t added = 1;
  std::vector<SweepJob> jobs(1);  // whose attempts are not looked at
  for (; full.ok() && added < 100'000; ++added) {
    jobs.assign(added + 1, {});
    full = TokenToSend(*store, sweep, jobs, added).status();
  }
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_THAT(full.ToString(), testing::HasSubstr("disk"));
  EXPECT_THAT(*store->Attempts(sweep), SizeIs(added - 1)) << "whole ones, and none of the refused";
  disk.Free();
  jobs.resize(added + 1);
  EXPECT_TRUE(TokenToSend(*store, sweep, jobs, added).ok());
  EXPECT_EQ(store->Attempts(sweep)->front().token, first);
}

}  // namespace
}  // namespace synergy
