#include "daemon/jobs/verdict_limits.h"

#include "fmt/format.h"

namespace synergy {

std::vector<NamedLimit> Named(VerdictLimits& limits) {
  constexpr double kMany = 1e9;
  return {{.name = "lost_ticks", .value = &limits.lost_ticks, .share = true},
          {.name = "readings", .value = &limits.readings, .highest = kMany},
          {.name = "windows", .value = &limits.windows, .highest = kMany},
          {.name = "clock_away", .value = &limits.clock_away, .share = true},
          {.name = "other_cpu", .value = &limits.other_cpu, .share = true},
          {.name = "gate_margin_c", .value = &limits.gate_margin_c, .highest = 150}};
}

std::string MovedLimits(VerdictLimits limits) {
  VerdictLimits usual;
  const std::vector<NamedLimit> named = Named(limits), others = Named(usual);
  std::string text;
  for (size_t i = 0; i < named.size(); ++i) {
    if (*named[i].value == *others[i].value) continue;
    text += fmt::format("{}{} (usually {})", text.empty() ? "" : ", ", LimitText(named[i]),
                        LimitText(others[i]).substr(named[i].name.size() + 1));
  }
  return text;
}

}  // namespace synergy
