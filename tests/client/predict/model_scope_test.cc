#include "client/predict/model_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ModelPart PartOf(std::optional<OpClass> op_class, std::initializer_list<std::string_view> terms,
                 double low_ghz, double high_ghz) {
  ModelPart part;
  part.target = "energy";
  part.op_class = op_class;
  part.terms = Terms(terms);
  part.hull = {{"macs", 1, 2}, {"frequency", low_ghz, high_ghz}};
  return part;
}

// Convolutions ran at two clocks, local normalisations at one of them.
EnergyModel TwoClocks() {
  EnergyModel model;
  model.family = Family::kLayerType;
  model.parts = {
      PartOf(OpClass::kLocalNormalisation, {"bytes"}, 1.224, 1.224),
      PartOf(OpClass::kConvolution, {"macs", "macs*frequency^2"}, 0.8256, 1.224),
  };
  return model;
}

TEST(ModelScope, AClassThatTheNetworkLacksSaysNothingOfItsClock) {
  const EnergyModel model = TwoClocks();
  EXPECT_EQ(FittedFrequency(model, {OpClass::kConvolution}), std::nullopt);
  EXPECT_EQ(FittedFrequency(model, {OpClass::kLocalNormalisation}), 1.224);
  EXPECT_EQ(FittedFrequency(model, {OpClass::kConvolution, OpClass::kLocalNormalisation}),
            std::nullopt);
  EXPECT_THAT(WarningsOf(model, {.classes = {OpClass::kConvolution}, .ghz = 1}), IsEmpty());
}

TEST(ModelScope, AClassThatWasFittedAtFewerClocksIsNamed) {
  const std::set<OpClass> both = {OpClass::kConvolution, OpClass::kLocalNormalisation};
  EXPECT_THAT(WarningsOf(TwoClocks(), {.classes = both, .ghz = 1.224}), IsEmpty());
  EXPECT_THAT(WarningsOf(TwoClocks(), {.classes = both, .ghz = 1}),
              ElementsAre(AllOf(HasSubstr("class local-normalisation at 1.224 GHz alone"),
                                HasSubstr("not at 1 GHz"))));
  EXPECT_THAT(WarningsOf(TwoClocks(), {.classes = both, .ghz = 3}),
              ElementsAre(HasSubstr("fitted at clocks of 0.8256 to 1.224 GHz, not at 3 GHz")));
}

TEST(ModelScope, AFamilyWithoutAClockAmongItsTermsSaysSo) {
  EnergyModel model;
  model.parts = {PartOf({}, {"macs"}, 0.8256, 1.224)};
  EXPECT_THAT(WarningsOf(model, {.ghz = 1}),
              ElementsAre(HasSubstr("of the family mac, has no clock among its terms: --freq "
                                    "changes nothing")));
  EXPECT_THAT(WarningsOf(model, {.ghz = 2}),
              ElementsAre(HasSubstr("not at 2 GHz"), HasSubstr("no clock among its terms")));
  model.parts = {PartOf({}, {"macs"}, 1.224, 1.224)};
  EXPECT_THAT(WarningsOf(model, {.ghz = 1.224}), IsEmpty()) << "what it was fitted at";
}

TEST(ModelScope, ABoardGoesByItsNameAndByItsTitle) {
  EnergyModel model = TwoClocks();
  model.conditions = {{"board", "NVIDIA Jetson TX1 (simulated)"}, {"board_name", "sim:jetson-tx1"}};
  for (const char* const board :
       {"NVIDIA Jetson TX1 (simulated)", "NVIDIA Jetson TX1", "sim:jetson-tx1", "jetson-tx1"}) {
    EXPECT_THAT(WarningsOf(model, {.board = board}), IsEmpty()) << board;
  }
  EXPECT_THAT(WarningsOf(model, {.board = "NVIDIA Jetson TX2"}),
              ElementsAre(HasSubstr("for the board 'NVIDIA Jetson TX1 (simulated)', not for")));
}

TEST(ModelScope, ThreadsAreCompared) {
  EnergyModel model = TwoClocks();
  model.conditions = {{"threads", "4"}};
  EXPECT_THAT(WarningsOf(model, {.threads = 4}), IsEmpty());
  EXPECT_THAT(WarningsOf(model, {.threads = 1}),
              ElementsAre(HasSubstr("for the threads '4', not for '1'")));
}

}  // namespace
}  // namespace synergy
