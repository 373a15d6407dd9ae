#include "client/report/text_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "common/character_count.h"

namespace synergy {
namespace {

TEST(TextTable, NoNameTurnsWhatStandsBehindIt) {
  EXPECT_EQ(WithoutTurns("a\u202eb\u2066 \u00b1 \u05d0"), "a?b? \u00b1 \u05d0");
}

TEST(TextTable, ATableInPartsHasNoNameThatIsWiderThanTheTerminal) {
  TextTable table({{"operator", TextTable::Align::kLeft},
                   {"type", TextTable::Align::kLeft},
                   {"time of one execution, ms"},
                   {"energy of one execution, mJ"}});
  table.AddRow({std::string(250, 'n'), std::string(50, 't'), "1.25", "2.5"});
  std::istringstream lines(table.Text(60));
  size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, CharactersOf(line));
  }
  EXPECT_GT(widest, 40u);
  EXPECT_LE(widest, 60u);
}

}  // namespace
}  // namespace synergy
