// A diagnosis as lines that tests can look for.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

// "good area: found -> mend", "LIMITED ...", "MISSING ...".
inline std::vector<std::string> Lines(const v1::Diagnosis& diagnosis) {
  std::vector<std::string> lines;
  for (const v1::Diagnosis::Check& check : diagnosis.checks()) {
    const char* const mark = check.result() == v1::Diagnosis::Check::RESULT_GOOD      ? "good"
                             : check.result() == v1::Diagnosis::Check::RESULT_LIMITED ? "LIMITED"
                                                                                      : "MISSING";
    lines.push_back(
        fmt::format("{} {}: {} -> {}", mark, check.area(), check.found(), check.mend()));
  }
  return lines;
}

}  // namespace synergy
