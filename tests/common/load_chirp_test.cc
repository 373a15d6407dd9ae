#include "common/load_chirp.h"

#include <gtest/gtest.h>

#include <limits>

namespace synergy {
namespace {

v1::LoadChirp Chirp(uint64_t seed, uint32_t chips, double chip_s) {
  v1::LoadChirp chirp;
  chirp.set_seed(seed);
  chirp.set_chips(chips);
  chirp.set_seconds_per_chip(chip_s);
  return chirp;
}

TEST(LoadChirp, BeginsAndEndsBusyWithEdgesInOrder) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const v1::LoadChirp chirp = Chirp(seed, 60, 0.03);
    const std::vector<Nanoseconds> edges = ChirpEdges(chirp);
    ASSERT_EQ(edges.size() % 2, 0u) << seed;
    EXPECT_EQ(edges.front().count, 0);
    EXPECT_EQ(edges.back(), ChirpDuration(chirp));
    for (size_t i = 1; i < edges.size(); ++i) {
      EXPECT_GE((edges[i] - edges[i - 1]).count, 14'000'000) << seed;  // half a chip
    }
  }
}

TEST(LoadChirp, IsBusyForHalfOfItsChips) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const std::vector<Nanoseconds> edges = ChirpEdges(Chirp(seed, 64, 0.02));
    double busy_s = 0;
    for (size_t i = 0; i + 1 < edges.size(); i += 2) busy_s += (edges[i + 1] - edges[i]).seconds();
    EXPECT_NEAR(busy_s, 0.64, 0.1) << seed;  // the shifts of the edges
  }
}

TEST(LoadChirp, HasManyEdgesWhateverTheSeed) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    EXPECT_GE(ChirpEdges(Chirp(seed, 60, 0.03)).size(), 16u) << seed;
  }
}

TEST(LoadChirp, IsAFunctionOfItsSeed) {
  EXPECT_EQ(ChirpEdges(Chirp(7, 60, 0.03)), ChirpEdges(Chirp(7, 60, 0.03)));
  EXPECT_NE(ChirpEdges(Chirp(7, 60, 0.03)), ChirpEdges(Chirp(8, 60, 0.03)));
}

TEST(LoadChirp, StaysTheSameForEver) {  // stored runs are searched for it
  const std::vector<Nanoseconds> edges = ChirpEdges(Chirp(1, 16, 0.01));
  const std::vector<int64_t> expected = {0,         10150395,  28335175,  40726673, 51576753,
                                         60908525,  77829801,  87907073,  99979400, 108115544,
                                         118934557, 140077599, 151068854, 160000000};
  ASSERT_EQ(edges.size(), expected.size());
  for (size_t i = 0; i < edges.size(); ++i) EXPECT_EQ(edges[i].count, expected[i]);
}

TEST(LoadChirp, IsRefusedWhereItWouldBeNone) {
  EXPECT_TRUE(ValidateChirpUntrusted(Chirp(0, 60, 0.03)).ok());
  EXPECT_TRUE(ValidateChirpUntrusted(Chirp(0, 16, 0.001)).ok());
  for (const v1::LoadChirp& bad :
       {Chirp(0, 15, 0.03), Chirp(0, 5000, 0.001), Chirp(0, 60, 0), Chirp(0, 60, -1),
        Chirp(0, 60, 0.2), Chirp(0, 60, std::numeric_limits<double>::quiet_NaN()),
        Chirp(0, 60, std::numeric_limits<double>::infinity())}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ValidateChirpUntrusted(bad)));
  }
}

}  // namespace
}  // namespace synergy
