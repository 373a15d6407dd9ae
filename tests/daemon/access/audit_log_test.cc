#include "daemon/access/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "common/files.h"
#include "fmt/format.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr int64_t kSecondNs = 1'000'000'000;

class AuditLogTest : public testing::Test {
 protected:
  std::string Text(const std::string& suffix = "") const {
    return ReadFile(folder_.File("audit.log") + suffix, 4 << 20).value_or("");
  }
  std::vector<std::string> Lines() const { return absl::StrSplit(Text(), '\n', absl::SkipEmpty()); }

  const TempFolder folder_;
  AuditLog log_{folder_.path()};
};

TEST_F(AuditLogTest, SaysWhoDidWhatAndWhatWasRefused) {
  log_.Add({.who = "user 0", .what = "submitting a job", .subject = "net"}, 0);
  log_.Add({.who = "user 1", .what = "cancelling a job", .subject = "r\n7", .refused = "no"}, 0);
  ASSERT_EQ(Lines().size(), 2u);
  EXPECT_THAT(Lines()[0], EndsWith("Z user 0: submitting a job net"));
  EXPECT_THAT(Lines()[1], EndsWith("Z user 1: cancelling a job r 7: refused: no"));
}

TEST_F(AuditLogTest, WhatIsRepeatedWithinAMinuteIsCounted) {
  for (int i = 0; i < 12; ++i) log_.Add({.who = "a", .what = "acknowledging", .subject = "r"}, i);
  log_.Add({.who = "a", .what = "acknowledging", .subject = "r"}, 70 * kSecondNs);
  ASSERT_EQ(Lines().size(), 3u);
  EXPECT_THAT(Lines()[1], HasSubstr("(10 more of the kind this hour)"));
}

// One client must neither push away what it did before nor hide behind a flood what it does next.
TEST_F(AuditLogTest, AFloodStaysShortAndHidesNothing) {
  log_.Add({.who = "evil", .what = "setting quotas"}, 0);
  const std::string noise(10'000, 'x');
  for (int i = 0; i < 100'000; ++i) {
    log_.Add({.who = "evil",
              .what = "cancelling a job",
              .subject = fmt::format("{} {}", i, noise),
              .refused = "no"},
             0);
  }
  log_.Add({.who = "evil", .what = "submitting a job", .subject = "miner"}, 0);
  log_.Add({.who = "good", .what = "submitting a job", .subject = "net"}, 0);
  EXPECT_LT(Text().size(), 100u << 10);
  EXPECT_THAT(Text(), HasSubstr("evil: setting quotas"));
  EXPECT_THAT(Text(), HasSubstr("(10000 more of the kind this hour)"));
  EXPECT_THAT(Text(), HasSubstr("evil: submitting a job miner"));
  EXPECT_THAT(Text(), HasSubstr("good: submitting a job net\n"));
  const size_t before = Lines().size();
  log_.Add({.who = "evil", .what = "cancelling a job", .subject = "1"}, 3600 * kSecondNs);
  EXPECT_EQ(Lines().size(), before + 1) << "another hour";
}

TEST_F(AuditLogTest, SeveralOldFilesAreKept) {
  const std::string full(AuditLog::kMaxBytes + 1, 'x');
  for (int i = 0; i < AuditLog::kOldFiles + 2; ++i) {
    ASSERT_TRUE(ReplaceFile(folder_.File("audit.log"), std::to_string(i) + full, Sync::kNo).ok());
    log_.Add({.who = "a", .what = "b", .subject = std::to_string(i)}, 0);
  }
  for (int i = 1; i <= AuditLog::kOldFiles; ++i) {
    EXPECT_EQ(Text(fmt::format(".{}", i))[0], '0' + AuditLog::kOldFiles + 2 - i) << i;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.File("audit.log.9")));
  EXPECT_EQ(Lines().size(), 1u);
}

}  // namespace
}  // namespace synergy
