#include "common/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <clocale>
#include <string>

namespace synergy {
namespace {

using testing::HasSubstr;

constexpr std::array<CsvColumn, 3> kColumns = {{{"name"}, {"value"}, {"note", false}}};

CsvTable Table(std::string_view header) { return *CsvTable::ParseHeader(header, kColumns); }
std::string HeaderError(std::string_view header) {
  return std::string(CsvTable::ParseHeader(header, kColumns).status().message());
}

TEST(Csv, ColumnsStandInAnyOrderAndOptionalOnesMayBeMissing) {
  CsvTable table = Table(" value , name");
  EXPECT_TRUE(table.Has(0));
  EXPECT_FALSE(table.Has(2));
  ASSERT_TRUE(table.ParseRow("3,conv1").ok());
  EXPECT_EQ(table[0], "conv1");
  EXPECT_EQ(table[1], "3");
  EXPECT_EQ(table[2], "");
}

TEST(Csv, AHeaderSaysWhatIsWrongWithIt) {
  EXPECT_THAT(HeaderError("name,valeu"), HasSubstr("did you mean 'value'"));
  EXPECT_THAT(HeaderError("name"), HasSubstr("the column 'value' is missing"));
  EXPECT_THAT(HeaderError("name,value,name"), HasSubstr("there twice"));
  EXPECT_THAT(HeaderError("name;value"), HasSubstr("not separated by commas"));
  EXPECT_THAT(HeaderError("conv1,3"), HasSubstr("name,value,[note]"));
  EXPECT_THAT(HeaderError("name,value,"), HasSubstr("'' is no column"));
}

TEST(Csv, QuotedFieldsHoldCommasAndQuotes) {
  CsvTable table = Table("\"name\",value,note");
  ASSERT_TRUE(table.ParseRow(R"( "a,""b""" , 3 ,"")").ok());
  EXPECT_EQ(table[0], "a,\"b\"");
  EXPECT_EQ(table[1], "3");
  EXPECT_EQ(table[2], "");
  EXPECT_THAT(std::string(table.ParseRow("\"a,3,x").message()), HasSubstr("not closed"));
  EXPECT_THAT(std::string(table.ParseRow("\"a\"b,3,x").message()), HasSubstr("follows a quoted"));
}

TEST(Csv, WhatIsQuotedIsReadAsTheSame) {
  CsvTable table = Table("name,value");
  for (const std::string name : {"conv1", "a,b", "say \"x\"", " blanks ", "", "\""}) {
    ASSERT_TRUE(table.ParseRow(QuotedField(name) + ",1").ok()) << name;
    EXPECT_EQ(table[0], name);
  }
}

TEST(Csv, ARowHasAsManyFieldsAsTheHeader) {
  CsvTable table = Table("name,value");
  EXPECT_THAT(std::string(table.ParseRow("conv1,3,5").message()), HasSubstr("3 fields"));
  EXPECT_THAT(std::string(table.ParseRow("conv1").message()), HasSubstr("1 fields"));
}

TEST(Csv, LinesLoseTheirEditorsMarks) {
  EXPECT_EQ(TrimmedLine("\xEF\xBB\xBFrail\r"), "rail");
  EXPECT_EQ(TrimmedLine("rail"), "rail");
}

TEST(Csv, AnEscapedTextMovesNoTerminalAndIsNoFormula) {
  EXPECT_EQ(EscapedText("a\x1b]0;x\x07\xC2\x9B\x7F\\ \xC3\xA4"),
            "a\\x1b]0;x\\x07\\x9b\\x7f\\\\ \xC3\xA4");
  EXPECT_EQ(EscapedText("=1+1"), "\\x3d1+1");
  EXPECT_EQ(EscapedText("+a"), "\\x2ba");
  EXPECT_EQ(EscapedText("-a"), "\\x2da");
  EXPECT_EQ(EscapedText("@a"), "\\x40a");
  EXPECT_EQ(EscapedText("a:b", ":"), "a\\x3ab");
  EXPECT_EQ(EscapedText(""), "");
}

TEST(Csv, NumbersAreWholeTextsUnderEveryLocale) {
  std::setlocale(LC_ALL, "de_DE.UTF-8");  // where it is installed
  EXPECT_EQ(*ParseDecimal("1.5", "power_w"), 1.5);
  std::setlocale(LC_ALL, "C");
  EXPECT_EQ(*ParseDecimal("-2e-3", "power_w"), -2e-3);
  for (const char* text : {"", "1,5", "1.5W", "nan", "inf", "0x10", " 1", "1e999"}) {
    EXPECT_FALSE(ParseDecimal(text, "power_w").ok()) << text;
  }
  EXPECT_EQ(*ParseInteger("12", "begin_ns", 0, 100), 12);
  for (const char* text : {"", "1.0", "1e3", "0x1", "+1", "101", "-1", "99999999999999999999"}) {
    EXPECT_FALSE(ParseInteger(text, "begin_ns", 0, 100).ok()) << text;
  }
  EXPECT_THAT(std::string(ParseInteger("1e3", "begin_ns", 0, 9).status().message()),
              HasSubstr("begin_ns is '1e3', which is no whole number"));
}

}  // namespace
}  // namespace synergy
