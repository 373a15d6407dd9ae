#include "daemon/jobs/operator_text.h"

#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxNameBytes = 100;

}  // namespace

std::string OperatorText(uint32_t op, const v1::OperatorTable& table) {
  if (op >= static_cast<uint32_t>(table.operators_size())) return fmt::format("operator {}", op);
  const v1::OperatorInfo& info = table.operators(static_cast<int>(op));
  return fmt::format("operator {} \"{}\" ({})", op, Printable(info.name(), kMaxNameBytes),
                     Printable(info.type(), kMaxNameBytes));
}

std::string WhereText(const std::optional<CurrentOperator>& current,
                      const v1::OperatorTable& table) {
  const bool idle = !current.has_value() || (current->op == kOpNone && current->begin_ns == 0);
  if (idle) return "before it did anything";
  switch (current->op) {
    case kOpLoad:
      return "while it loaded the nets";
    case kOpInit:
      return "while it ran the init net";
    case kOpNone:
    case kOpNet:
      return "between operators";
    default:
      if (current->phase == v1::PHASE_LOOP) {
        return fmt::format("in {}, repeated, about execution {}", OperatorText(current->op, table),
                           current->iteration);
      }
      return fmt::format("in {}, iteration {} of the {} phase", OperatorText(current->op, table),
                         current->iteration,
                         current->phase == v1::PHASE_MEASURE ? "measured" : "warm-up");
  }
}

}  // namespace synergy
