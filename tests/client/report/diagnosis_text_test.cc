#include "client/report/diagnosis_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/report/text_table.h"

namespace synergy {
namespace {

using testing::HasSubstr;

v1::Diagnosis Found(const std::string& found) {
  v1::Diagnosis diagnosis;
  v1::Diagnosis::Check& check = *diagnosis.add_checks();
  check.set_area("resolution");
  check.set_result(v1::Diagnosis::Check::RESULT_GOOD);
  check.set_found(found);
  return diagnosis;
}

TEST(DiagnosisText, AToleranceHasTheSignOfTables) {
  const std::string text = DiagnosisText(Found("a conversion in every 0.84 ms (+-10 %)"));
  EXPECT_THAT(text, HasSubstr("resolution   a conversion in every 0.84 ms (\u00b110 %)"));
  EXPECT_THAT(InAscii(text), HasSubstr("0.84 ms (+-10 %)"));
}

TEST(DiagnosisText, WhatIsNoToleranceStaysAsItIs) {
  EXPECT_THAT(DiagnosisText(Found("/sys/a+-b")), HasSubstr("/sys/a+-b"));
}

}  // namespace
}  // namespace synergy
