#include "client/report/diagnosis_text.h"

#include <fmt/format.h>

#include "absl/strings/str_replace.h"
#include "client/analysis/diagnosis_json.h"
#include "client/analysis/simulated_notice.h"
#include "client/report/run_text.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using Check = v1::Diagnosis::Check;

const char* Mark(Check::Result result) {
  switch (result) {
    case Check::RESULT_GOOD:
      return "good";
    case Check::RESULT_LIMITED:
      return "LIMITED";
    case Check::RESULT_MISSING:
      return "MISSING";
    default:
      return "?";
  }
}

std::string Heading(const v1::BoardInfo& board) {
  std::string text =
      fmt::format("{} ({}), synergyd {}, {}\n", Printable(board.title()), Printable(board.name()),
                  Printable(board.daemon_version()), Printable(board.kernel()));
  if (board.simulated()) text += fmt::format("  {}\n", SimulatedNotice(board));
  return text;
}

std::string Sum(const v1::Diagnosis& diagnosis) {
  int limited = 0, missing = 0;
  for (const Check& check : diagnosis.checks()) {
    limited += check.result() == Check::RESULT_LIMITED;
    missing += check.result() == Check::RESULT_MISSING;
  }
  if (missing > 0) {
    return fmt::format("{} missing, {} limited: without what is missing nothing can be measured\n",
                       missing, limited);
  }
  if (limited > 0) return fmt::format("Nothing is missing, {} limited: it measures\n", limited);
  return "All is good\n";
}

// The daemon writes ASCII; signs here are those of tables, which become ASCII where the locale is.
std::string WithSigns(const std::string& found) {
  return absl::StrReplaceAll(Printable(found), {{"(+-", "(\u00b1"}});
}

}  // namespace

std::string DiagnosisText(const v1::Diagnosis& diagnosis) {
  std::string text = diagnosis.has_board() ? Heading(diagnosis.board()) : std::string();
  for (const Check& check : diagnosis.checks()) {
    text += fmt::format("  {:<7}  {:<11}  {}\n", Mark(check.result()), Printable(check.area()),
                        WithSigns(check.found()));
    if (!check.mend().empty()) text += fmt::format("{:24}-> {}\n", "", Printable(check.mend()));
  }
  return text + Sum(diagnosis);
}

}  // namespace synergy
