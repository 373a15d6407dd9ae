#include "client/commands/resume.h"

#include "client/store/run_claim.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/commands/fake_board.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() {
    auto store = Store::Open(folder_.File("store.db"), StoreAccess::kWrite);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    number_ = *store_->PutRun(SampleBoard(), SampleStatus());
  }
  ResumeOutcome Resume(const v1::BoardInfo& board = SampleBoard()) {
    auto outcome = CompleteUnfinishedRuns(*store_, board, board_, {});
    EXPECT_TRUE(outcome.ok()) << outcome.status();
    return *std::move(outcome);
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeBoard board_{clock_};
  std::unique_ptr<Store> store_;
  int64_t number_ = 0;
};

TEST_F(ResumeTest, CompletesWhatAnEarlierCommandLeft) {
  ASSERT_TRUE(store_->AppendChunks(number_, std::span(board_.chunks).first(2)).ok());
  const ResumeOutcome outcome = Resume();
  ASSERT_EQ(outcome.completed.size(), 1u);
  EXPECT_TRUE(outcome.completed[0].complete);
  EXPECT_THAT(board_.followed_from, ElementsAre(2));
  EXPECT_THAT(Resume().completed, IsEmpty()) << "once is enough";
}

TEST_F(ResumeTest, LeavesRunsOfOtherBoardsAndThoseThatAnotherProcessReceives) {
  v1::BoardInfo other = SampleBoard();
  other.set_board_id("board-2");
  EXPECT_THAT(Resume(other).completed, IsEmpty());
  const auto claim = RunClaim::Take(store_->path(), number_);
  ASSERT_TRUE(claim.ok() && claim->has_value());
  EXPECT_THAT(Resume().completed, IsEmpty());
  EXPECT_THAT(board_.followed_from, IsEmpty());
}

// With the acknowledgement the board forgets it.
TEST_F(ResumeTest, AFailedJobsLogIsShownBeforeTheBoardForgetsIt) {
  board_.final_state = v1::JOB_STATE_FAILED;
  for (int i = 0; i < 30; ++i) board_.log += "line " + std::to_string(i) + "\n";
  testing::internal::CaptureStderr();
  EXPECT_EQ(Resume().completed.size(), 1u);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(board_.forgotten);
  EXPECT_NE(said.find("line 10\n"), std::string::npos) << said;
  EXPECT_NE(said.find("line 29\n"), std::string::npos) << said;
  EXPECT_EQ(said.find("line 9\n"), std::string::npos) << "its end";
}

// A job of a killed client held up the next `run` until it had ended.
TEST_F(ResumeTest, LeavesJobsAloneThatHaveNotEnded) {
  const auto outcome = CompleteUnfinishedRuns(*store_, SampleBoard(), board_, {}, {kSampleRunId});
  ASSERT_TRUE(outcome.ok());
  EXPECT_THAT(outcome->completed, IsEmpty());
  ASSERT_EQ(outcome->going_on.size(), 1u);
  EXPECT_EQ(outcome->going_on[0].number, number_);
  EXPECT_THAT(board_.followed_from, IsEmpty());
}

TEST_F(ResumeTest, StoppingSaysHowToCancelTheJob) {
  std::stop_source stop;
  stop.request_stop();
  const auto outcome = CompleteUnfinishedRuns(*store_, SampleBoard(), board_, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(outcome.status()));
  EXPECT_NE(outcome.status().ToString().find("synergyctl cancel 1"), std::string::npos);
}

// It was listed as completed, and fetch ended with 0.
TEST_F(ResumeTest, ARunThatTheBoardNoLongerHasIsLeft) {
  board_.forgotten = true;
  const ResumeOutcome outcome = Resume();
  EXPECT_THAT(outcome.completed, IsEmpty());
  EXPECT_THAT(outcome.left, ElementsAre(number_));
  EXPECT_TRUE(store_->Run(number_)->abandoned);
}

TEST_F(ResumeTest, ADamagedRunDoesNotStandInTheWayForEver) {
  board_.chunks[1].mutable_data()->back() ^= 1;
  const ResumeOutcome outcome = Resume();
  EXPECT_THAT(outcome.completed, IsEmpty());
  EXPECT_THAT(outcome.left, ElementsAre(number_));
  EXPECT_EQ(store_->Run(number_)->next_seq, 1u) << "what came before it stays";
}

}  // namespace
}  // namespace synergy
