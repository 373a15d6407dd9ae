// A pass or a fail of runs against a limit on how much more they may cost than others. Pure.
//
// Each of the two decisions is a one-sided test at `alpha`: FAIL where the interval of the increase
// lies above the limit, PASS where it lies below, so that at a true increase of exactly the limit
// either comes out in at most alpha of the cases. The interval that is shown is the one that
// decides: 1 - 2 alpha to both sides.
//
// With several values (operators) Holm's procedure corrects for their number, of the PASSes among
// each other and of the FAILs likewise; each value's interval has the level at which it was tested.
// One FAIL fails all, and all must pass for a PASS.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/analysis/comparison.h"

namespace synergy {

// kWithheld: of a row whose runs count for nothing (GateResult::against).
enum class GateDecision { kPass, kFail, kInconclusive, kWithheld };
std::string_view DecisionName(GateDecision decision);  // "PASS", "FAIL", "INCONCLUSIVE", "-"

struct GateRule {
  double max_increase = 0;  // a share
  double alpha = 0.05;      // above 0, below 0.5
  // Of a matrix, each of which is judged by itself: each has its part of alpha, so that all of them
  // together hold it.
  size_t points = 1;

  double point_alpha() const { return alpha / static_cast<double>(points); }
};

struct GateRow {
  Level level = Level::kNetwork;
  std::string name = {};
  GateDecision decision = GateDecision::kInconclusive;
  // Logarithms of ratios. The minimum detectable change is counted from the limit, and is told in
  // 80 % of the cases.
  double log = 0, log_low = 0, log_high = 0, log_detectable = 0;
  double log_baseline = 0, log_candidate = 0;
  bool one_increase = true;  // false: the pairs contradict each other, and nothing is decided
};

struct GateResult {
  GateRule rule;
  std::string point = {};  // of a matrix: its label; "" of the only one
  bool measured = true;    // false: the gate had failed before it came to this point
  Metric metric = Metric::kEnergy;
  std::string rail = {};
  GateDecision decision = GateDecision::kInconclusive;
  std::vector<GateRow> rows = {};         // the network, then with per_op the operators
  std::string correction = {};            // for their number: "Holm", "Bonferroni"; "" of one
  size_t unknown = 0;                     // operators that are not known alone in each run
  std::string spread = {};                // SpreadText, or how many pairs there were
  std::vector<std::string> against = {};  // why it is INCONCLUSIVE whatever the rows say
  std::vector<std::string> notes = {};    // pairs in doubt, which runs, what differs, SUSPECT
  std::string simulated = {};             // SimulatedNotice of a run
};

// `against` makes it INCONCLUSIVE; so does a network that is not known in each run. An operator of
// which nobody knows how much runs differ (RunSpread::assumed) is INCONCLUSIVE: some differ by ten
// times what is assumed of a network.
GateResult JudgeGate(const Comparison& comparison, const ComparedRuns& runs, const GateRule& rule,
                     bool per_op, std::vector<std::string> against);

// The same of pairs of runs, the first baseline with the first candidate and so on, by a comparison
// that may be looked at after each pair (paired_sequence.h). Operators: each has alpha by their
// number (Bonferroni), at all looks together.
GateResult JudgePairs(const ComparedRuns& runs, const std::string& rail, Metric metric,
                      const GateRule& rule, bool per_op, std::vector<std::string> against);

// Of all points: FAIL where one fails, PASS where all pass.
GateDecision DecisionOf(const std::vector<GateResult>& points);
// Of a point that was not measured any more: not decided, for `failed` had settled the whole. No
// error rate suffers: each point is tested at its part of alpha whatever becomes of the others.
GateResult NotMeasured(const GateResult& failed, std::string point);

// Of one point: its alpha is the part that it was judged with.
nlohmann::ordered_json GateJson(const GateResult& result);

}  // namespace synergy
