// What least squares once got wrong, on runs in virtual time of the boards where they did.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/attribution/least_squares.h"
#include "tests/support/played_run.h"

namespace synergy {
namespace {

// A network on the simulated TX1.
absl::StatusOr<Played> PlayedRun(const char* network, uint64_t seed,
                                 const std::vector<std::string>& faults, uint32_t threads = 4,
                                 uint32_t iterations = 300, double energy_scale = 1) {
  sim::VirtualRunOptions options;
  options.board = "sim:jetson-tx1";
  options.threads = threads;
  options.iterations = iterations;
  options.seed = seed;
  options.energy_scale = energy_scale;
  options.faults.push_back(*ParseSimulatedFault("gain:0"));
  for (const std::string& fault : faults) options.faults.push_back(*ParseSimulatedFault(fault));
  return Play(**FindModel(network), options);
}

LeastSquares Solve(const char* network, uint64_t seed, const std::vector<std::string>& faults,
                   uint32_t threads = 4, uint32_t iterations = 300) {
  const auto played = PlayedRun(network, seed, faults, threads, iterations);
  EXPECT_TRUE(played.ok()) << played.status();
  return SolveLeastSquares(played->data);
}

// Intervals of operators, of groups and of whole networks that hold the truth.
struct Held {
  int parts = 0, of_parts = 0, whole = 0, of_whole = 0;

  static bool Holds(const Estimate& e, double truth) { return e.low <= truth && truth <= e.high; }
  void AddPart(const Estimate& e, double truth) {
    ++of_parts;
    parts += Holds(e, truth) ? 1 : 0;
  }
  void Add(const Played& played) {
    const LeastSquares ls = SolveLeastSquares(played.data);
    for (const RailEnergy& rail : ls.rails) {
      std::map<uint32_t, double> truth = TruthOf(played.truth, rail.rail).energy_j;
      double all = 0;
      for (size_t i = 0; i < ls.ops.size(); ++i) {
        all += truth.at(ls.ops[i]);
        if (rail.ops[i].energy_j) AddPart(*rail.ops[i].energy_j, truth.at(ls.ops[i]));
      }
      for (const GroupEnergy& group : rail.groups) {
        double of_group = 0;
        for (const uint32_t op : group.ops) of_group += truth.at(op);
        AddPart(group.energy_j, of_group);
      }
      ++of_whole;
      whole += Holds(rail.inference_j, all) ? 1 : 0;
    }
  }
};

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

TEST(PlayedRuns, IntervalsOfQuietSensorsHold) {
  for (const char* noise : {"noise:0", "noise:0.02"}) {
    for (const double energy_scale : {1.0, 0.2}) {
      Held held;
      for (const uint64_t seed : {11, 12}) {
        const auto played = PlayedRun("squeezenet", seed, {noise}, 1, 60, energy_scale);
        ASSERT_TRUE(played.ok()) << played.status();
        held.Add(*played);
      }
      EXPECT_GE(held.parts, 0.93 * held.of_parts) << noise << ", energy x " << energy_scale;
      EXPECT_GE(held.whole, held.of_whole - 1) << noise << ", energy x " << energy_scale;
    }
  }
}

}  // namespace
}  // namespace synergy
