#include "client/commands/prune_check.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

StoredRun Incomplete(int64_t number, const std::string& run_id,
                     const std::string& board_id = "board-1") {
  StoredRun run;
  run.number = number;
  run.run_id = run_id;
  run.board_id = board_id;
  run.board_name = "sim:jetson-tx1";
  return run;
}

BoardAnswer Answer(std::vector<std::pair<std::string, v1::JobState>> jobs) {
  BoardAnswer answer{.board_id = "board-1", .jobs = {}};
  for (const auto& [id, state] : jobs) {
    v1::JobStatus& job = answer.jobs.emplace_back();
    job.set_run_id(id);
    job.set_state(state);
  }
  return answer;
}

std::vector<int64_t> Numbers(const std::vector<StoredRun>& runs) {
  std::vector<int64_t> numbers;
  for (const StoredRun& run : runs) numbers.push_back(run.number);
  return numbers;
}

TEST(PruneCheck, ARunWhoseJobHasNotEndedStaysAndSaysHowToEndIt) {
  const auto choice =
      SpareWhatBoardsHave({Incomplete(1, "a"), Incomplete(2, "b")},
                          Answer({{"a", v1::JOB_STATE_RUNNING}, {"b", v1::JOB_STATE_QUEUED}}));
  EXPECT_THAT(choice.go, IsEmpty());
  EXPECT_THAT(choice.stays,
              ElementsAre(AllOf(HasSubstr("run 1 stays"), HasSubstr("synergyctl cancel 1"),
                                HasSubstr("synergyctl fetch"), HasSubstr("--force")),
                          HasSubstr("synergyctl cancel 2")));
  EXPECT_TRUE(choice.all_known);
}

TEST(PruneCheck, ARunWhoseRecordsTheBoardKeepsStaysAndSaysHowToFetchThem) {
  const auto choice =
      SpareWhatBoardsHave({Incomplete(1, "a")}, Answer({{"a", v1::JOB_STATE_DONE}}));
  EXPECT_THAT(choice.go, IsEmpty());
  EXPECT_THAT(choice.stays,
              ElementsAre(AllOf(HasSubstr("synergyctl fetch"), Not(HasSubstr("cancel")))));
}

TEST(PruneCheck, WhatTheBoardNoLongerHasGoes) {
  const auto choice =
      SpareWhatBoardsHave({Incomplete(1, "a")}, Answer({{"other", v1::JOB_STATE_RUNNING}}));
  EXPECT_THAT(Numbers(choice.go), ElementsAre(1));
  EXPECT_THAT(choice.stays, IsEmpty());
}

TEST(PruneCheck, RunsOfABoardThatWasNotAskedStayButAbandonedOnesGo) {
  StoredRun abandoned = Incomplete(3, "c", "board-2");
  abandoned.abandoned = true;
  const std::vector<StoredRun> runs = {Incomplete(1, "a"), Incomplete(2, "b", "board-2"),
                                       abandoned};
  const auto other = SpareWhatBoardsHave(runs, Answer({}));
  EXPECT_THAT(Numbers(other.go), ElementsAre(1, 3));
  EXPECT_THAT(other.stays, ElementsAre(AllOf(HasSubstr("run 2 stays"), HasSubstr("board-2"),
                                             HasSubstr("--host"), HasSubstr("--force"))));
  EXPECT_FALSE(other.all_known);
  const auto away = SpareWhatBoardsHave(runs, absl::UnavailableError("connection refused"));
  EXPECT_THAT(Numbers(away.go), ElementsAre(3));
  EXPECT_THAT(away.stays, ElementsAre(HasSubstr("connection refused"), HasSubstr("run 2")));
  EXPECT_FALSE(away.all_known);
}

TEST(PruneCheck, ARunThatBecameCompleteSinceItWasSelectedStays) {
  const std::vector<StoredRun> selected = {Incomplete(1, "a"), Incomplete(2, "b"),
                                           Incomplete(3, "c")};
  StoredRun completed = selected[1];
  completed.complete = true;
  EXPECT_THAT(Numbers(StillAsSelected(selected, {selected[0], completed})), ElementsAre(1));
  EXPECT_THAT(Numbers(StillAsSelected({completed}, {completed})), ElementsAre(2));
}

}  // namespace
}  // namespace synergy
