// What least squares once got wrong, on runs in virtual time of the boards where they did.
#include <gtest/gtest.h>

#include <string>

#include "common/attribution/least_squares.h"
#include "tests/support/played_run.h"

namespace synergy {
namespace {

// 300 iterations of a network on the simulated TX1.
LeastSquares Solve(const char* network, const std::string& noise, uint64_t seed) {
  sim::VirtualRunOptions options;
  options.board = "sim:jetson-tx1";
  options.threads = 4;
  options.iterations = 300;
  options.seed = seed;
  for (const std::string& fault : {std::string("gain:0"), "noise:" + noise}) {
    options.faults.push_back(*ParseSimulatedFault(fault));
  }
  const auto played = Play(**FindModel(network), options);
  EXPECT_TRUE(played.ok()) << played.status();
  return SolveLeastSquares(played->data);
}

TEST(PlayedRuns, ACycleThatIsLostBetweenRoundsIsFoundAgain) {
  for (const RailEnergy& rail : Solve("resnet50", "0.3", 19).rails) {
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
  }
}

TEST(PlayedRuns, ARailOfTwoStepsTakesTheNoiseOfItsChipsOthers) {
  for (const RailEnergy& rail : Solve("squeezenet", "0.1", 1).rails) {
    EXPECT_NEAR(rail.noise_steps, 0.1, 0.02) << rail.rail;
  }
}

}  // namespace
}  // namespace synergy
