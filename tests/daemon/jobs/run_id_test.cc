#include "daemon/jobs/run_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace synergy {
namespace {

constexpr int64_t kTime = 1795218312;  // 2026-11-20 23:45:12 UTC

TEST(RunId, IsUtcNameAndNumber) {
  EXPECT_THAT(MakeRunId(kTime, "squeezenet", 1),
              testing::MatchesRegex("20261120-234512-squeezenet-[0-9a-f]{4}"));
}

TEST(RunId, DiffersForEachOf65536SubmissionsOfTheSameSecond) {
  std::set<std::string> ids;
  for (uint64_t number = 1; number <= 65536; ++number) ids.insert(MakeRunId(0, "net", number));
  EXPECT_EQ(ids.size(), 65536u);
}

TEST(RunId, HoldsNothingThatAPathOrATerminalMinds) {
  EXPECT_THAT(MakeRunId(kTime, "../ E\x1b\xff/x", 7),
              testing::StartsWith("20261120-234512-..--e---x-"));
  EXPECT_THAT(MakeRunId(kTime, "", 7), testing::StartsWith("20261120-234512-net-"));
}

TEST(RunId, FitsIntoTheTelemetryRing) {
  EXPECT_EQ(MakeRunId(kTime, std::string(500, 'x'), 7).size(), kMaxRunIdBytes);
}

}  // namespace
}  // namespace synergy
