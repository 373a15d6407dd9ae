// docs/json.md names every code that a run's document can hold, and no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "client/analysis/report_names.h"
#include "client/analysis/run_report.h"
#include "common/files.h"
#include "common/run_codes.h"

namespace synergy {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Not;

// The first cells of the table that follows `introduction`, without their quotes.
std::set<std::string> DocumentedCodes(const std::string& introduction) {
  const std::string text = ReadFile("docs/json.md", 1 << 20).value();
  std::set<std::string> codes;
  size_t line = text.find("\n" + introduction);
  EXPECT_NE(line, std::string::npos) << introduction;
  const std::string row = "\n| `";
  line = text.find(row, line);
  while (line != std::string::npos && text.compare(line, row.size(), row) == 0) {
    const size_t begin = line + row.size();
    codes.insert(text.substr(begin, text.find('`', begin) - begin));
    line = text.find('\n', begin);
  }
  EXPECT_THAT(codes, Not(IsEmpty()));
  return codes;
}

std::set<std::string> Names(std::span<const std::string_view> names) {
  return {names.begin(), names.end()};
}

TEST(DocumentedCodes, AreTheReasonsOfVerdicts) {
  EXPECT_THAT(DocumentedCodes("Of `reasons`"), ElementsAreArray(Names(ReasonCodeNames())));
}

TEST(DocumentedCodes, AreTheNotices) {
  EXPECT_THAT(DocumentedCodes("Of `notices[]`"), ElementsAreArray(Names(NoticeCodeNames())));
}

TEST(DocumentedCodes, AreTheCausesOfGaps) {
  std::set<std::string> causes;
  for (int i = 0; i < v1::Gap::Cause_descriptor()->value_count(); ++i) {
    const int number = v1::Gap::Cause_descriptor()->value(i)->number();
    causes.emplace(GapCauseName(static_cast<v1::Gap::Cause>(number)));
  }
  EXPECT_THAT(DocumentedCodes("Of `gaps[].cause`"), ElementsAreArray(causes));
  EXPECT_EQ(causes.size(), static_cast<size_t>(v1::Gap::Cause_descriptor()->value_count()))
      << "a cause has no name of its own";
}

TEST(DocumentedCodes, AreFoundInReasonsByTheirWholeName) {
  const std::string reason = Reason(ReasonCode::kRecordsDropped, "12 records");
  EXPECT_EQ(reason, "records_dropped: 12 records");
  EXPECT_TRUE(HasCode(reason, ReasonCode::kRecordsDropped));
  EXPECT_FALSE(HasCode(reason, ReasonCode::kRecordsLost));
  EXPECT_FALSE(HasCode("records_dropped_twice: x", ReasonCode::kRecordsDropped));
  EXPECT_EQ(CodeName(ReasonCode::kTicksMissed), "ticks_missed");
  EXPECT_EQ(CodeName(NoticeCode::kStraysKilled), "strays_killed");
}

}  // namespace
}  // namespace synergy
