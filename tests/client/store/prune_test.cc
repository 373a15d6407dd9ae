#include "client/store/prune.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kDayNs = 86'400'000'000'000;
constexpr int64_t kNow = 1000 * kDayNs;

// Runs 1 to 5 are 50, 40, 30, 20 and 10 days old; 2 and 4 are not complete.
std::vector<StoredRun> Runs() {
  std::vector<StoredRun> runs(5);
  for (int i = 0; i < 5; ++i) {
    StoredRun& run = runs[static_cast<size_t>(i)];
    run.number = i + 1;
    run.started_unix_ns = kNow - (50 - 10 * i) * kDayNs;
    run.complete = i % 2 == 0;
  }
  return runs;
}

std::vector<int64_t> Pruned(const PruneRule& rule) {
  std::vector<int64_t> numbers;
  for (const StoredRun& run : SelectForPruning(Runs(), rule, kNow)) numbers.push_back(run.number);
  return numbers;
}

TEST(Prune, WithoutARuleNothingGoes) { EXPECT_THAT(Pruned({}), IsEmpty()); }

TEST(Prune, OlderThanSparesIncompleteRuns) {
  EXPECT_THAT(Pruned({.older_than_days = 25}), ElementsAre(1, 3));
  EXPECT_THAT(Pruned({.older_than_days = 50}), IsEmpty()) << "not older than 50 days";
}

TEST(Prune, KeepSparesTheNewest) {
  EXPECT_THAT(Pruned({.keep = 2}), ElementsAre(1, 3));
  EXPECT_THAT(Pruned({.keep = 0}), ElementsAre(1, 3, 5));
  EXPECT_THAT(Pruned({.keep = 9}), IsEmpty());
}

TEST(Prune, RulesOnlyNarrow) {
  EXPECT_THAT(Pruned({.older_than_days = 5, .keep = 4}), ElementsAre(1));
  EXPECT_THAT(Pruned({.older_than_days = 45, .keep = 0}), ElementsAre(1));
}

TEST(Prune, IncompleteTakesOnlyThose) {
  EXPECT_THAT(Pruned({.incomplete = true}), ElementsAre(2, 4));
  EXPECT_THAT(Pruned({.older_than_days = 35, .incomplete = true}), ElementsAre(2));
}

TEST(Prune, WhatHasATagStays) {
  std::vector<StoredRun> runs = Runs();
  runs[0].tags = {"main"};
  runs[1].tags = {"main"};
  const auto numbers = [&](const PruneRule& rule) {
    std::vector<int64_t> selected;
    for (const StoredRun& run : SelectForPruning(runs, rule, kNow)) selected.push_back(run.number);
    return selected;
  };
  EXPECT_THAT(numbers({.keep = 0}), ElementsAre(3, 5));
  EXPECT_THAT(numbers({.incomplete = true}), ElementsAre(4));
}

}  // namespace
}  // namespace synergy
