#include "client/commands/gate_session.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

LoadedRun RunOf(double energy_j, v1::Verdict verdict = v1::VERDICT_VALID) {
  LoadedRun run;
  run.report.verdict = verdict;
  run.report.method = std::string(kMethodLeastSquares);
  run.report.attribution.rails = {"VDD_IN"};
  InferenceReport inference;
  inference.energy_j = Estimate{energy_j, 0.99 * energy_j, 1.01 * energy_j};
  inference.has_interval = true;
  run.report.per_inference = {inference};
  return run;
}

class GateSession : public testing::Test {
 protected:
  GateSession() {
    options_.baseline = "a.toml";
    options_.candidate = "b.toml";
  }

  // The baseline costs about 1 J, the candidate `candidate_j`.
  absl::StatusOr<JudgedPoint> Judge(double candidate_j, double limit) {
    task_.settled.rule.max_increase = limit;
    const auto measure = [this, candidate_j](bool candidate) -> absl::StatusOr<LoadedRun> {
      order_ += candidate ? 'B' : 'A';
      if (order_.size() == broken_at_) return absl::UnavailableError("the board is lost");
      const double noise = order_.size() % 3 == 0 ? 1.001 : 0.999;
      const v1::Verdict verdict =
          order_.size() == invalid_at_ ? v1::VERDICT_INVALID : v1::VERDICT_VALID;
      return RunOf(noise * (candidate ? candidate_j : 1), verdict);
    };
    return JudgeInTurns(task_, "squeezenet",
                        {.measure = measure,
                         .looked = [this](const std::string& line) { looks_.push_back(line); }});
  }

  GateOptions options_;
  GateTask task_{.options = options_, .settled = {}, .pairs = true};
  std::string order_;  // of the runs
  std::vector<std::string> looks_;
  size_t broken_at_ = 0, invalid_at_ = 0;
};

TEST_F(GateSession, MeasuresInTurnsAndLooksAfterEachPairUntilItIsDecided) {
  const auto judged = Judge(1.2, 0.02);
  ASSERT_TRUE(judged.ok()) << judged.status();
  EXPECT_EQ(judged->result.decision, GateDecision::kFail);
  EXPECT_EQ(judged->result.point, "squeezenet");
  EXPECT_EQ(order_, "ABBAAB") << "no sooner and no later than the third pair decides";
  EXPECT_THAT(looks_, ElementsAre(HasSubstr("pair 1 of at most 30: "), HasSubstr("INCONCLUSIVE"),
                                  HasSubstr("FAIL")));
  EXPECT_THAT(judged->sides.baseline, SizeIs(3));
  EXPECT_THAT(judged->result.notes.front(), HasSubstr("baseline a.toml: runs 0, 0, 0"));
}

TEST_F(GateSession, EndsWithItsLastPairWhereNothingIsDecided) {
  task_.settled.runs = 5;
  const auto judged = Judge(1.02, 0.02);
  ASSERT_TRUE(judged.ok()) << judged.status();
  EXPECT_EQ(judged->result.decision, GateDecision::kInconclusive);
  EXPECT_EQ(order_, "ABBAABBAAB");
}

TEST_F(GateSession, AnInvalidRunEndsItAndSoDoesALostBoard) {
  invalid_at_ = 3;
  const auto judged = Judge(1.2, 0.02);
  ASSERT_TRUE(judged.ok()) << judged.status();
  EXPECT_EQ(judged->result.decision, GateDecision::kInconclusive);
  EXPECT_THAT(judged->result.against, ElementsAre(HasSubstr("INVALID")));
  EXPECT_EQ(order_, "ABBA") << "the pair is finished";
  order_.clear();
  broken_at_ = 2;
  EXPECT_EQ(Judge(1.2, 0.02).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(order_, "AB");
}

}  // namespace
}  // namespace synergy
