#include "client/store/run_claim.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

bool Taken(const std::string& store, int64_t number) {
  const auto claim = RunClaim::Take(store, number);
  EXPECT_TRUE(claim.ok()) << claim.status();
  return claim->has_value();
}

TEST(RunClaim, IsHeldByOneAtATime) {
  const TempFolder folder;
  const std::string store = folder.File("store.db");
  {
    const auto claim = RunClaim::Take(store, 3);
    ASSERT_TRUE(claim.ok() && claim->has_value());
    EXPECT_FALSE(Taken(store, 3));
    EXPECT_TRUE(Taken(store, 4));
  }
  EXPECT_TRUE(Taken(store, 3));
}

TEST(RunClaim, EndsWithItsProcessHoweverThatEnds) {
  const TempFolder folder;
  const std::string store = folder.File("store.db");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto claim = RunClaim::Take(store, 3);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    pause();
    _exit(claim.ok() ? 0 : 1);
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_FALSE(Taken(store, 3));
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(Taken(store, 3));
  close(ready[0]);
  close(ready[1]);
}

TEST(RunClaim, SubmissionsAreClaimedApartFromRuns) {
  const TempFolder folder;
  const std::string store = folder.File("store.db");
  const auto run = RunClaim::Take(store, 1);
  const auto first = RunClaim::TakeSubmission(store, "token-a");
  ASSERT_TRUE(run.ok() && first.ok());
  EXPECT_TRUE(run->has_value() && first->has_value());
  EXPECT_FALSE(RunClaim::TakeSubmission(store, "token-a")->has_value());
  EXPECT_TRUE(RunClaim::TakeSubmission(store, "token-b")->has_value());
}

}  // namespace
}  // namespace synergy
