// What a gate found, for people and for CI; of a simulated board each says SIMULATED. There is at
// least one point; of several each text shows all of them and the whole. Pure.
#pragma once

#include <string>
#include <vector>

#include "client/analysis/gate.h"

namespace synergy {

// The decision first; `width` as of TextTable.
std::string GateText(const std::vector<GateResult>& points, size_t width);

// Where a point stands, in a line: "network: +0.41 %, interval -0.90 % to +1.80 %: PASS".
std::string GateLine(const GateResult& result);

// A table for a pull request.
std::string GateMarkdown(const std::vector<GateResult>& points);

// A test case a row of each point: a FAIL is a failure, INCONCLUSIVE an error, what is not decided
// is skipped. UTF-8, escaped.
std::string GateJunit(const std::vector<GateResult>& points);

// For the output of a step of GitHub Actions: names in it, which anybody may choose, are no
// commands to the runner.
std::string WithoutWorkflowCommands(const std::string& text);

// Workflow commands of GitHub Actions, a line each: "::error title=energy gate::...".
std::string GateAnnotations(const std::vector<GateResult>& points);

}  // namespace synergy
