// What a gate found, for people and for CI; of a simulated board each says SIMULATED. Pure.
#pragma once

#include <string>

#include "client/analysis/gate.h"

namespace synergy {

// The decision first; `width` as of TextTable.
std::string GateText(const GateResult& result, size_t width);

// Where it stands, in a line: "network: +0.41 %, interval -0.90 % to +1.80 %: PASS".
std::string GateLine(const GateResult& result);

// A table for a pull request.
std::string GateMarkdown(const GateResult& result);

// A test case a row: a FAIL is a failure, INCONCLUSIVE an error. UTF-8, escaped.
std::string GateJunit(const GateResult& result);

// Workflow commands of GitHub Actions, a line each: "::error title=energy gate::...".
std::string GateAnnotations(const GateResult& result);

}  // namespace synergy
