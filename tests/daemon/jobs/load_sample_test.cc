#include "daemon/jobs/load_sample.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

constexpr int kOwn = 10;
constexpr double kTicks = 100;  // a second
constexpr double kCpus = 2;

// Synergy (10) with an engine (11), a shell (20) with a compiler (21).
LoadSample Before() {
  LoadSample sample;
  sample.at = MonotonicTime{0};
  sample.processes = {{kOwn, {.name = "synergyd", .parent = 1, .ticks = 50, .started_at = 1}},
                      {11, {.name = "engine", .parent = kOwn, .ticks = 0, .started_at = 2}},
                      {20, {.name = "sh", .parent = 1, .ticks = 5, .started_at = 1}},
                      {21, {.name = "cc1plus", .parent = 20, .ticks = 1000, .started_at = 3}}};
  return sample;
}

LoadSample After() {
  LoadSample sample = Before();
  sample.at = MonotonicTime{10'000'000'000};
  sample.processes[kOwn].ticks += 100;
  sample.processes[11].ticks += 900;
  return sample;
}

double Share(const LoadSample& before, const LoadSample& after) {
  return OtherLoadBetween(before, after, kOwn, kTicks, kCpus).share;
}

TEST(OtherLoad, IsNoneWhereOnlySynergyAndItsEngineRan) { EXPECT_EQ(Share(Before(), After()), 0); }

TEST(OtherLoad, IsWhatTheOthersUsedOfAllCpus) {
  LoadSample after = After();
  after.processes[21].ticks += 200;
  after.processes[20].ticks += 100;
  EXPECT_DOUBLE_EQ(Share(Before(), after), 3.0 / (10 * kCpus));
  const OtherLoad load = OtherLoadBetween(Before(), after, kOwn, kTicks, kCpus);
  ASSERT_EQ(load.users.size(), 2u);
  EXPECT_EQ(load.users[0].name, "cc1plus");
  EXPECT_DOUBLE_EQ(load.users[0].share, 0.2) << "of one CPU";
}

TEST(OtherLoad, CountsAProcessThatBeganAndEndedInBetween) {
  LoadSample after = After();
  after.processes[20].child_ticks = 150;  // its parent has waited for it
  EXPECT_DOUBLE_EQ(Share(Before(), after), 1.5 / (10 * kCpus));
}

TEST(OtherLoad, DoesNotCountWhatAProcessThatEndedHadUsedBefore) {
  LoadSample after = After();
  after.processes.erase(21);
  after.processes[20].child_ticks = 1040;
  EXPECT_DOUBLE_EQ(Share(Before(), after), 0.4 / (10 * kCpus));
}

TEST(OtherLoad, OneThatNobodyWaitedForTakesNothingFromTheOthers) {
  LoadSample after = After();
  after.processes.erase(21);
  after.processes[20].ticks += 100;
  EXPECT_DOUBLE_EQ(Share(Before(), after), 1.0 / (10 * kCpus));
}

TEST(OtherLoad, APidThatWasGivenAgainIsANewProcess) {
  LoadSample after = After();
  after.processes[21] = {.name = "ld", .parent = 20, .ticks = 30, .started_at = 99};
  after.processes[20].child_ticks = 1000;
  EXPECT_DOUBLE_EQ(Share(Before(), after), 0.3 / (10 * kCpus));
}

TEST(OtherLoad, CountsClientsThatTheDiagnosisLeavesOut) {
  LoadSample after = After();
  after.processes[30] = {.name = "synergyctl", .parent = 20, .ticks = 60, .started_at = 50};
  EXPECT_DOUBLE_EQ(Share(Before(), after), 0.6 / (10 * kCpus));
  EXPECT_TRUE(CpuUsers(Before(), after, kOwn, kTicks).empty());
}

}  // namespace
}  // namespace synergy
