#include "client/report/text_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "common/display_width.h"

namespace synergy {
namespace {

TEST(TextTable, NoNameTurnsWhatStandsBehindIt) {
  EXPECT_EQ(Printable("a\u202eb\u2066 \u00b1 \u05d0"), "a?b? \u00b1 \u05d0");
}

TEST(TextTable, ColumnsBeginBelowTheirTitlesWhateverTheNames) {
  TextTable table({{"operator", TextTable::Align::kLeft}, {"mJ"}});
  const std::vector<std::string> names = {"conv1",
                                          "\u7573\u307f\u8fbc\u307f\u7573\u307f\u8fbc\u307f",
                                          "e\u0301e\u0301", "\u200b\u200d", "\U0001f600"};
  for (const std::string& name : names) table.AddRow({name, "1.5"});
  for (const size_t width : {size_t{0}, size_t{14}}) {
    std::istringstream lines(table.Text(width));
    std::string first;
    std::getline(lines, first);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_EQ(ColumnsOf(line), ColumnsOf(first)) << line;
    }
  }
}

TEST(TextTable, InAsciiNamesAreAsWideAsTheyWere) {
  EXPECT_EQ(InAscii("a\u00e4\u7573e\u0301 1 \u00b1 2"), "a???e 1 +-2");
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
    widest = std::max(widest, ColumnsOf(line));
  }
  EXPECT_GT(widest, 40u);
  EXPECT_LE(widest, 60u);
}

}  // namespace
}  // namespace synergy
