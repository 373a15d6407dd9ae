#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "daemon/jobs/engines.h"
#include "daemon/power/board_profile.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr char kAuto[] = "auto";

std::string Product(const std::string& sysfs) {
  for (const char* file : {"/firmware/devicetree/base/model", "/class/dmi/id/product_name"}) {
    absl::StatusOr<std::string> text = ReadSysfs(sysfs + file);
    if (!text.ok() || text->empty()) continue;
    return std::string(text->c_str());  // a device tree's texts end with a NUL
  }
  return "it has no name";
}

}  // namespace

void FindBoard(const DiagnosisSubject& subject, v1::Diagnosis& diagnosis) {
  Findings findings("board", diagnosis);
  const v1::BoardInfo& board = subject.board;
  const std::string name = fmt::format("{} ({})", board.title(), board.name());
  if (board.simulated()) {
    findings.Limited(
        fmt::format("SIMULATED: {}. No watt of this machine is measured: powers and clocks come "
                    "from {}",
                    name,
                    board.name().starts_with(kSimulatedPrefix) ? "a model of it"
                                                               : "the files of a captured tree"),
        "to measure this machine: sudo synergyd --board auto");
  } else if (board.name() == kAuto) {
    findings.Limited(
        fmt::format("no profile knows this machine ({}): its rails are measured, but nobody says "
                    "what they feed or which contains which",
                    Product(subject.sysfs)),
        fmt::format("where it is one of these: synergyd --board ID ({}); else write a profile "
                    "(docs/boards.md)",
                    fmt::join(BuiltInBoardProfileIds(), ", ")));
  } else if (!subject.recognised_by.empty()) {
    findings.Good(fmt::format("{}, recognised by {}", name, subject.recognised_by));
  } else {
    findings.Limited(fmt::format("{}, taken by name: nothing of this machine says so ({})", name,
                                 Product(subject.sysfs)),
                     "synergyd --board auto recognises boards");
  }
  for (const std::string& note : board.notes()) findings.Good("note: " + note);
}

void FindEngines(const std::vector<v1::EngineInfo>& engines, v1::Diagnosis& diagnosis) {
  Findings findings("engines", diagnosis);
  bool usable = false;
  for (const v1::EngineInfo& engine : engines) {
    usable |= engine.unusable().empty();
    if (engine.unusable().empty()) {
      findings.Good(fmt::format("{}: {}", engine.name(), engine.version()));
    } else {
      findings.Limited(fmt::format("{} cannot be used: {}", engine.name(), engine.unusable()),
                       "install it anew, of synergyd's version; synergyctl run asks it again");
    }
  }
  if (usable) return;
  findings.Missing("no engine can be used: no job can run",
                   fmt::format("install {}<engine> beside synergyd, or synergyd --libexec DIR",
                               std::string(kWorkerPrefix)));
}

}  // namespace synergy
