#include "client/report/clock_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/analysis/clock_json.h"

namespace synergy {
namespace {

v1::ClockState Warm() {
  v1::ClockState state;
  v1::ThermalZoneState* zone = state.add_temperatures();
  zone->set_zone("CPU-therm");
  zone->set_millidegrees(45'540);
  for (const auto& [what, value] :
       {std::pair{"cooling cpufreq-cpu0", 2}, {"cpu3 off", 1}, {"cpu0 core_throttle_count", 0}}) {
    v1::ThrottleState* throttle = state.add_throttles();
    throttle->set_what(what);
    throttle->set_value(value);
  }
  return state;
}

TEST(ClockText, SaysHowWarmItIsAndWhatThrottled) {
  const std::string text = ClockText(Warm());
  EXPECT_NE(text.find("  warmth   CPU-therm 45.5 C\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  throttle cooling cpufreq-cpu0 2\n"), std::string::npos) << text;
}

TEST(ClockText, SaysNothingOfWhatABoardDoesNotTell) {
  const std::string text = ClockText(v1::ClockState());
  EXPECT_EQ(text.find("warmth"), std::string::npos);
  EXPECT_EQ(text.find("throttle"), std::string::npos);
}

TEST(ClockJson, HasTemperaturesAndThrottles) {
  const nlohmann::ordered_json json = ClockStateJson(Warm());
  EXPECT_EQ(json["temperatures"][0]["zone"], "CPU-therm");
  EXPECT_DOUBLE_EQ(json["temperatures"][0]["temperature_c"].get<double>(), 45.54);
  EXPECT_EQ(json["throttles"].size(), 3u);
  EXPECT_EQ(json["throttles"][0]["value"], 2);
}

}  // namespace
}  // namespace synergy
