#include "client/report/prediction_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace synergy {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

TEST(PredictionText, APartWhoseFirstTermsAreNothingKeepsItsName) {
  EnergyModel model;
  model.family = Family::kIndividual;
  model.rail = "VDD_IN";
  model.networks = {"nin"};
  ModelPart part;
  part.target = "energy";
  part.op_class = OpClass::kPooling;
  part.terms =
      Terms({"1", "macs", "bytes", "flops", "outputs", "kernel", "stride", "channels", "groups"});
  part.coefficients = Eigen::VectorXd::Zero(9);
  part.coefficients[2] = 0.5;
  part.covariance = Eigen::MatrixXd::Identity(9, 9);
  part.rows = 12;
  model.parts = {part};
  const std::string text = ModelText(model, 80);
  EXPECT_THAT(text, ContainsRegex("pooling +bytes +0.5 .* 12\n"));
  EXPECT_THAT(text, HasSubstr("1 coefficient, fitted to 1 network on VDD_IN\n"));
}

// In a terminal's 80 columns they come with their network, not in parts.
TEST(PredictionText, FamiliesHaveTheirAccuracyBesideTheirErrors) {
  Evaluation evaluation;
  evaluation.options.family = Family::kLayerType;
  evaluation.complexity = 38;
  evaluation.of_runs = {.count = 81,
                        .mean = 0.1216,
                        .sd = 0.102,
                        .worst = 0.189,
                        .r_squared = 0.9876,
                        .with_interval = 81,
                        .inside = 74};
  evaluation.of_operators = evaluation.of_runs;
  evaluation.of_operators.with_interval = 11382;
  evaluation.of_operators.inside = 10755;
  const std::string text = EvaluationsText({evaluation}, "VDD_IN", 80);
  EXPECT_THAT(text, HasSubstr("what was measured on VDD_IN, of what was left out"));
  EXPECT_THAT(text, ContainsRegex("\nlayer-type +12.2 .* 74/81  0.988      87.8\n"));
  EXPECT_THAT(text, ContainsRegex("\nlayer-type +12.2 .* 10755/11382  0.988      87.8\n"));
  EXPECT_THAT(text, ContainsRegex("\nlayer-type +38\n"));
}

}  // namespace
}  // namespace synergy
