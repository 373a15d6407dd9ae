// What least squares once got wrong, on runs in virtual time of the boards where they did.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/attribution/least_squares.h"
#include "tests/support/played_run.h"

namespace synergy {
namespace {

// A network on the simulated TX1.
LeastSquares Solve(const char* network, uint64_t seed, const std::vector<std::string>& faults,
                   uint32_t threads = 4, uint32_t iterations = 300) {
  sim::VirtualRunOptions options;
  options.board = "sim:jetson-tx1";
  options.threads = threads;
  options.iterations = iterations;
  options.seed = seed;
  options.faults.push_back(*ParseSimulatedFault("gain:0"));
  for (const std::string& fault : faults) options.faults.push_back(*ParseSimulatedFault(fault));
  const auto played = Play(**FindModel(network), options);
  EXPECT_TRUE(played.ok()) << played.status();
  return SolveLeastSquares(played->data);
}

TEST(PlayedRuns, ACycleThatIsLostBetweenRoundsIsFoundAgain) {
  for (const RailEnergy& rail : Solve("resnet50", 19, {"noise:0.3"}).rails) {
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
  }
}

TEST(PlayedRuns, ACycleThatExplainsAFewReadingsGivesWayToOneThatExplainsAll) {
  for (const RailEnergy& rail : Solve("resnet50", 1, {"noise:0.3", "delay:5"}).rails) {
    EXPECT_GT(rail.used, rail.readings / 2) << rail.rail;
    EXPECT_NEAR(rail.delay_s, 5e-3, 2e-5) << rail.rail;
  }
}

TEST(PlayedRuns, AnOscillatorFarOffIsNoDelay) {
  for (const RailEnergy& rail : Solve("mobilenet", 2, {"noise:0.3"}, 1).rails) {
    EXPECT_EQ(rail.delay_s, 0) << rail.rail;
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
  }
}

TEST(PlayedRuns, APieceOfFewEdgesIsEnoughToBeginWith) {
  for (const RailEnergy& rail : Solve("googlenet", 5, {"noise:0.3"}, 1).rails) {
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_GT(rail.used, rail.readings / 2) << rail.rail;
  }
}

TEST(PlayedRuns, ACycleThatBeginsWronglyIsFollowedFromTheMiddle) {
  for (const RailEnergy& rail : Solve("resnet50", 11, {"noise:0.3"}, 1).rails) {
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
  }
}

TEST(PlayedRuns, ACycleIsTheOneThatExplainsTheWholeRunWherePiecesAreInDoubt) {
  for (const RailEnergy& rail : Solve("resnet50", 5, {"noise:0.1"}, 1).rails) {
    EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
    EXPECT_NEAR(rail.noise_steps, 0.1, 0.02) << rail.rail;
  }
}

TEST(PlayedRuns, LaterPartsBeginWithTheDriftOfTheirReadings) {
  for (const RailEnergy& rail : Solve("resnet50", 19, {"noise:0.3", "read-errors:0.01"}).rails) {
    EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail << ": else its cycle was lost";
  }
}

TEST(PlayedRuns, ARailOfTwoStepsTakesTheNoiseOfItsChipsOthers) {
  for (const RailEnergy& rail : Solve("squeezenet", 1, {"noise:0.1"}).rails) {
    EXPECT_NEAR(rail.noise_steps, 0.1, 0.02) << rail.rail;
  }
}

TEST(PlayedRuns, ARailAtTheBorderOfTwoStepsKeepsItsNoiseThroughLaterParts) {
  for (const RailEnergy& rail : Solve("googlenet", 1, {"noise:0.1", "known-windows"}, 1).rails) {
    EXPECT_NEAR(rail.noise_steps, 0.1, 0.02) << rail.rail;
  }
}

TEST(PlayedRuns, OperatorsOfHundredsOfMillisecondsTellTheCycleToo) {
  for (const uint64_t seed : {4, 9}) {
    for (const RailEnergy& rail : Solve("vgg16", seed, {"noise:0.3"}, 1, 20).rails) {
      EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
      EXPECT_GT(rail.used, rail.readings / 2) << rail.rail;
      EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
    }
  }
}

TEST(PlayedRuns, ASensorThatIsStuckForAWhileSaysNothingInIt) {
  for (const int seconds : {1, 20}) {
    const std::string fault = "stuck:VDD_IN@10-" + std::to_string(10 + seconds);
    for (const RailEnergy& rail : Solve("squeezenet", 1, {"noise:0.3", fault}, 1).rails) {
      EXPECT_EQ(rail.windows, WindowKind::kFitted) << rail.rail;
      EXPECT_NEAR(rail.noise_steps, 0.3, 0.03) << rail.rail;
      const double stuck = rail.rail == "VDD_IN" ? 1000 * seconds : 0;
      EXPECT_NEAR(static_cast<double>(rail.stuck), stuck, 0.05 * stuck) << rail.rail;
    }
  }
}

TEST(PlayedRuns, WindowsThatAreKnownMayBeLateOrNot) {
  for (const RailEnergy& rail :
       Solve("squeezenet", 1, {"noise:0.3", "known-windows", "delay:5"}, 1).rails) {
    // Where a rail hardly moves a delay is neither seen nor matters.
    if (rail.rail == "VDD_GPU") continue;
    EXPECT_NEAR(rail.delay_s, 5e-3, 2e-6) << rail.rail;
  }
  for (const RailEnergy& rail : Solve("squeezenet", 1, {"noise:0.3", "known-windows"}, 1).rails) {
    EXPECT_EQ(rail.delay_s, 0) << rail.rail;
  }
}

}  // namespace
}  // namespace synergy
