#include "client/commands/submission.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "client/commands/exit_code.h"
#include "client/commands/resume.h"
#include "client/store/sqlite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/commands/fake_board.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kNow = kSampleWallNs;

class SubmissionTest : public testing::Test {
 protected:
  SubmissionTest() : store_(OpenStore()) {}
  std::unique_ptr<Store> OpenStore() {
    auto store = Store::Open(folder_.File("store.db"), StoreAccess::kWrite);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  absl::StatusOr<EnteredRun> Submit(const SubmitCall& call) {
    return SubmitAndEnter(*store_, SampleBoard(), SampleStatus().spec(), kNow, call);
  }
  // The board takes the job.
  absl::StatusOr<v1::JobStatus> Accept(const v1::JobSpec& spec) {
    v1::JobStatus job = SampleStatus(v1::JOB_STATE_QUEUED);
    *job.mutable_spec() = spec;
    board_.jobs.push_back(job);
    return job;
  }
  std::vector<Submission> Submissions() { return *store_->Submissions("board-1"); }
  absl::Status Adopt(int64_t now_unix_ns = kNow, const v1::BoardInfo& board = SampleBoard()) {
    return AdoptSubmissions(*store_, board, board_, now_unix_ns);
  }
  // A command that is killed in the middle of `call`.
  void KillDuring(const SubmitCall& call) {
    const pid_t child = fork();
    if (child == 0) {
      auto store = Store::Open(folder_.File("store.db"), StoreAccess::kWrite);
      if (!store.ok()) _exit(1);
      (void)SubmitAndEnter(**store, SampleBoard(), SampleStatus().spec(), kNow, call);
      _exit(2);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
  }
  static absl::StatusOr<v1::JobStatus> Die(const v1::JobSpec&) {
    kill(getpid(), SIGKILL);
    return absl::InternalError("alive");
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeBoard board_{clock_};
  std::unique_ptr<Store> store_;
};

TEST_F(SubmissionTest, TheTokenIsInTheStoreBeforeTheJobIsSentAndGoneWithTheRun) {
  std::set<std::string> tokens;
  for (int i = 0; i < 3; ++i) {
    const auto run = Submit([&](const v1::JobSpec& spec) {
      auto other = OpenStore();  // what another process sees: it is committed
      EXPECT_THAT(*other->Submissions("board-1"), SizeIs(1));
      EXPECT_EQ(other->Submissions("board-1")->front().token, spec.token());
      tokens.insert(spec.token());
      return Accept(spec);
    });
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->number, 1);
    EXPECT_TRUE(run->claim.has_value());
    EXPECT_THAT(Submissions(), IsEmpty());
  }
  EXPECT_EQ(tokens.size(), 3u);
  for (const std::string& token : tokens) {
    EXPECT_EQ(token.size(), 32u);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos) << token;
  }
}

TEST_F(SubmissionTest, ARefusedJobLeavesNothing) {
  for (const auto& [why, code] :
       {std::pair(absl::InvalidArgumentError("no such engine"), ExitCode::kUsage),
        std::pair(absl::FailedPreconditionError("it cannot measure"), ExitCode::kRefused),
        std::pair(absl::ResourceExhaustedError("the queue is full"), ExitCode::kRefused)}) {
    const auto run = Submit([&](const v1::JobSpec&) { return why; });
    EXPECT_EQ(ExitCodeOf(run.status()), code) << why;
    EXPECT_EQ(run.status().message(), why.message());
    EXPECT_THAT(Submissions(), IsEmpty());
    EXPECT_THAT(*store_->Runs(), IsEmpty());
  }
}

TEST_F(SubmissionTest, ALostAnswerIsLookedForLater) {
  const auto run = Submit([&](const v1::JobSpec& spec) {
    EXPECT_TRUE(Accept(spec).ok());
    return absl::UnavailableError("connection reset");
  });
  EXPECT_EQ(ExitCodeOf(run.status()), ExitCode::kNotReached);
  EXPECT_THAT(run.status().ToString(), HasSubstr("synergyctl fetch looks for it"));
  ASSERT_TRUE(Adopt().ok());
  EXPECT_THAT(*store_->Runs(), SizeIs(1));
}

TEST_F(SubmissionTest, NothingIsSentThatCannotBeNoted) {
  auto database = Database::Open(store_->path(), Database::Mode::kExisting);
  ASSERT_TRUE(database->Execute("DROP TABLE submissions").ok());
  bool sent = false;
  const auto run = Submit([&](const v1::JobSpec& spec) {
    sent = true;
    return Accept(spec);
  });
  EXPECT_FALSE(run.ok());
  EXPECT_FALSE(sent);
}

TEST_F(SubmissionTest, AJobThatCannotBeEnteredIsPartialAndAdoptedLater) {
  auto database = Database::Open(store_->path(), Database::Mode::kExisting);
  const auto run = Submit([&](const v1::JobSpec& spec) {
    EXPECT_TRUE(database
                    ->Execute("CREATE TRIGGER full BEFORE INSERT ON runs "
                              "BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
                    .ok());
    return Accept(spec);
  });
  EXPECT_EQ(ExitCodeOf(run.status()), ExitCode::kPartial);
  EXPECT_THAT(run.status().ToString(), HasSubstr("Then synergyctl fetch brings its records"));
  ASSERT_TRUE(database->Execute("DROP TRIGGER full").ok());
  ASSERT_TRUE(Adopt().ok());
  EXPECT_THAT(*store_->Runs(), SizeIs(1));
}

// Between the board's acceptance and the store's row a killed client lost its run.
TEST_F(SubmissionTest, ARunWhoseClientDiedBeforeItWasEnteredIsAdoptedAndCompleted) {
  KillDuring(Die);
  ASSERT_THAT(Submissions(), SizeIs(1));
  EXPECT_THAT(*store_->Runs(), IsEmpty());
  v1::JobStatus other = SampleStatus();
  other.set_run_id("run-of-somebody-else");
  other.mutable_spec()->set_token("0000");
  board_.jobs = {other};
  v1::JobSpec spec = SampleStatus().spec();
  spec.set_token(Submissions().front().token);
  ASSERT_TRUE(Accept(spec).ok());

  ASSERT_TRUE(Adopt().ok());
  EXPECT_THAT(Submissions(), IsEmpty());
  ASSERT_THAT(*store_->Runs(), SizeIs(1));
  EXPECT_EQ(store_->Runs()->front().run_id, kSampleRunId);
  const auto outcome = CompleteUnfinishedRuns(*store_, SampleBoard(), board_, {});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  ASSERT_THAT(outcome->completed, SizeIs(1));
  EXPECT_TRUE(outcome->completed[0].complete);
}

TEST_F(SubmissionTest, AJobThatNeverArrivedIsGivenUpAfterAWhile) {
  KillDuring(Die);
  ASSERT_TRUE(Adopt(kNow + kSubmissionGraceNs).ok());
  EXPECT_THAT(Submissions(), SizeIs(1)) << "it may still be on its way";
  board_.lost = true;
  EXPECT_EQ(ExitCodeOf(Adopt(kNow + kSubmissionGraceNs + 1)), ExitCode::kNotReached);
  EXPECT_THAT(Submissions(), SizeIs(1)) << "the board did not say";
  board_.lost = false;
  ASSERT_TRUE(Adopt(kNow + kSubmissionGraceNs + 1).ok());
  EXPECT_THAT(Submissions(), IsEmpty());
  EXPECT_THAT(*store_->Runs(), IsEmpty());
}

TEST_F(SubmissionTest, WhatAnotherCommandIsJustSubmittingIsLeftToIt) {
  const auto run = Submit([&](const v1::JobSpec& spec) {
    auto job = Accept(spec);
    EXPECT_TRUE(Adopt(kNow + kSubmissionGraceNs + 1).ok());
    EXPECT_THAT(*store_->Runs(), IsEmpty());
    EXPECT_THAT(Submissions(), SizeIs(1));
    return job;
  });
  EXPECT_TRUE(run.ok()) << run.status();
}

TEST_F(SubmissionTest, WithoutASubmissionOfThisBoardItIsNotAsked) {
  KillDuring(Die);
  v1::BoardInfo other = SampleBoard();
  other.set_board_id("board-2");
  ASSERT_TRUE(Adopt(kNow + kSubmissionGraceNs + 1, other).ok());
  EXPECT_EQ(board_.lists, 0);
  EXPECT_THAT(Submissions(), SizeIs(1));
}

}  // namespace
}  // namespace synergy
