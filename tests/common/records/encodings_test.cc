#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "common/records/markers.h"
#include "common/records/readings.h"
#include "common/records/varint.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

constexpr int kTrials = 300;

// Numbers of every magnitude and sign, the extremes among them.
int64_t AnyNumber(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0:
      return std::numeric_limits<int64_t>::max();
    case 1:
      return std::numeric_limits<int64_t>::min();
    default:
      return static_cast<int64_t>(random()) >> (random() % 64);
  }
}

std::vector<Reading> AnyReadings(std::mt19937_64& random) {
  std::vector<Reading> readings(random() % 50);
  for (Reading& reading : readings) {
    reading = {.begin_ns = AnyNumber(random),
               .end_ns = AnyNumber(random),
               .raw = AnyNumber(random),
               .freshness = static_cast<Freshness>(random() % 3)};
  }
  return readings;
}

std::vector<Marker> AnyMarkers(std::mt19937_64& random) {
  std::vector<Marker> markers(random() % 50);
  for (Marker& marker : markers) {
    const int64_t a = AnyNumber(random), b = AnyNumber(random);
    marker = {.begin_ns = std::min(a, b),
              .end_ns = std::max(a, b),
              .op = random() % 4 == 0 ? kOpNet : static_cast<uint32_t>(random() >> (random() % 64)),
              .iteration = static_cast<uint32_t>(random() >> (random() % 64)),
              .thread = static_cast<uint16_t>(random()),
              .device = static_cast<uint8_t>(random()),
              .phase = static_cast<uint8_t>(random() % 8),
              .event = 0};
  }
  return markers;
}

// Marker has no padding, so its bytes are its value.
bool Same(const std::vector<Marker>& a, const std::vector<Marker>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Marker)) == 0);
}

std::string Damage(std::string data, std::mt19937_64& random) {
  if (data.empty()) return std::string(1 + random() % 20, static_cast<char>(random()));
  switch (random() % 3) {
    case 0:
      data.resize(random() % data.size());
      break;
    case 1:
      data[random() % data.size()] = static_cast<char>(random());
      break;
    default:
      data.push_back(static_cast<char>(random()));
  }
  return data;
}

TEST(Varint, TakesBackWhatWasAppended) {
  for (const uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{300}, uint64_t{1} << 63, UINT64_MAX}) {
    std::string data;
    AppendVarint(&data, value);
    std::string_view rest = data;
    uint64_t back = 0;
    ASSERT_TRUE(TakeVarint(&rest, &back));
    EXPECT_EQ(back, value);
    EXPECT_TRUE(rest.empty());
  }
}

TEST(Varint, RefusesWhatEndsEarlyOrHasMoreThan64Bits) {
  for (const std::string& data : {std::string(), std::string("\x80"),
                                  std::string(9, '\xff') + "\x02", std::string(11, '\x80')}) {
    std::string_view rest = data;
    uint64_t value = 0;
    EXPECT_FALSE(TakeVarint(&rest, &value));
    EXPECT_EQ(rest.size(), data.size());
  }
}

TEST(ZigZag, KeepsSmallMagnitudesSmall) {
  EXPECT_EQ(ZigZag(0), 0u);
  EXPECT_EQ(ZigZag(-1), 1u);
  EXPECT_EQ(ZigZag(1), 2u);
  for (const int64_t value : {std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(), int64_t{-12345}}) {
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
  }
}

TEST(Readings, ComeBackExactlyWhateverTheyAre) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<Reading> readings = AnyReadings(random);
    const auto back =
        DecodeReadingsUntrusted(EncodeReadings(readings), static_cast<uint32_t>(readings.size()));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, readings);
  }
}

TEST(Readings, TakeAtMostTenBytesAtOneKilohertz) {
  std::vector<Reading> readings;
  std::mt19937_64 random(2);
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t begin =
        1'000'000'000'000 + i * 1'000'000 + static_cast<int64_t>(random() % 50'000);
    readings.push_back({.begin_ns = begin,
                        .end_ns = begin + 118'000 + static_cast<int64_t>(random() % 5'000),
                        .raw = 500 + static_cast<int64_t>(random() % 40),
                        .freshness = Freshness::kFresh});
  }
  EXPECT_LE(EncodeReadings(readings).size(), 10 * readings.size());
}

TEST(Readings, DamagedBytesAreDecodedOrDataLossAndNothingElse) {
  std::mt19937_64 random(3);
  int refused = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<Reading> readings = AnyReadings(random);
    const std::string data = Damage(EncodeReadings(readings), random);
    const auto back = DecodeReadingsUntrusted(data, static_cast<uint32_t>(readings.size()));
    if (back.ok()) continue;
    ASSERT_EQ(back.status().code(), absl::StatusCode::kDataLoss);
    ++refused;
  }
  EXPECT_GT(refused, kTrials / 2);
}

TEST(Readings, SayWhatIsWrong) {
  const std::string data = EncodeReadings({Reading{.begin_ns = 1, .end_ns = 2, .raw = 3}});
  EXPECT_THAT(DecodeReadingsUntrusted(data + "x", 1).status().ToString(),
              HasSubstr("1 bytes are left after the 1 readings"));
  EXPECT_THAT(DecodeReadingsUntrusted(data, 0xFFFFFFFF).status().ToString(),
              HasSubstr("4 bytes cannot hold the 4294967295 readings"));
  EXPECT_THAT(DecodeReadingsUntrusted(std::string("\x01\x01\x01\x03", 4), 1).status().ToString(),
              HasSubstr("reading 0 of 1 cannot be decoded"));
}

TEST(Markers, ComeBackExactlyWhateverTheyAre) {
  std::mt19937_64 random(4);
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<Marker> markers = AnyMarkers(random);
    const auto back =
        DecodeMarkersUntrusted(EncodeMarkers(markers), static_cast<uint32_t>(markers.size()));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_TRUE(Same(*back, markers));
  }
}

TEST(Markers, OfSuccessiveOperatorsTakeAtMostTenBytes) {
  std::vector<Marker> markers;
  int64_t now = 5'000'000'000'000;
  for (uint32_t i = 0; i < 1000; ++i) {
    markers.push_back({.begin_ns = now,
                       .end_ns = now + 1'500'000,
                       .op = i % 60,
                       .iteration = i / 60,
                       .thread = 0,
                       .device = 0,
                       .phase = 4,
                       .event = 0});
    now += 1'501'000;
  }
  EXPECT_LE(EncodeMarkers(markers).size(), 10 * markers.size());
}

TEST(Markers, DamagedBytesAreDecodedOrDataLossAndNothingElse) {
  std::mt19937_64 random(5);
  int refused = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<Marker> markers = AnyMarkers(random);
    const std::string data = Damage(EncodeMarkers(markers), random);
    const auto back = DecodeMarkersUntrusted(data, static_cast<uint32_t>(markers.size()));
    if (back.ok()) {
      for (const Marker& marker : *back) ASSERT_GE(marker.end_ns, marker.begin_ns);
      continue;
    }
    ASSERT_EQ(back.status().code(), absl::StatusCode::kDataLoss);
    ++refused;
  }
  EXPECT_GT(refused, kTrials / 2);
}

TEST(Markers, OneThatEndsBeforeItBeginsIsDataLoss) {
  const Marker backwards = {.begin_ns = 10,
                            .end_ns = 9,
                            .op = 0,
                            .iteration = 0,
                            .thread = 0,
                            .device = 0,
                            .phase = 4,
                            .event = 0};
  EXPECT_THAT(DecodeMarkersUntrusted(EncodeMarkers({backwards}), 1).status().ToString(),
              HasSubstr("marker 0 of 1 cannot be decoded"));
}

}  // namespace
}  // namespace synergy
