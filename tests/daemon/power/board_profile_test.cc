#include "daemon/power/board_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/files.h"

namespace synergy {
namespace {

const std::string kRails = R"(
schema = 1
id = "toy"
title = "Toy"
default_rate_hz = 500
[[rail]]
name = "IN"
scope = "module"
[[rail]]
name = "CORE"
scope = "component"
contained_in = "IN"
labels = ["POM_CORE"]
)";
const std::string kSensor = R"(
[[sensor]]
chip = "ina3221"
bus = "i2c-3"
bit_rate_hz = 100000
address = 0x41
[[sensor.channel]]
number = 2
rail = "CORE"
shunt_ohm = 0.005
)";
const std::string kCpu = R"(
[cpu]
cores = 2
operating_points = [{ khz = 100000, microvolts = 800000 }, { khz = 200000, microvolts = 900000 }]
)";

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(BoardProfile, ReadsWhatTheFileSays) {
  const absl::StatusOr<BoardProfile> profile =
      ParseBoardProfile(kRails + kSensor + kCpu, "toy.toml");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->id, "toy");
  EXPECT_EQ(profile->default_rate_hz, 500);
  ASSERT_EQ(profile->rails.size(), 2u);
  EXPECT_EQ(profile->rails[1].info.contained_in(), "IN");
  EXPECT_EQ(profile->rails[1].info.scope(), v1::RAIL_SCOPE_COMPONENT);
  EXPECT_EQ(profile->rails[1].labels, (std::vector<std::string>{"CORE", "POM_CORE"}));
  ASSERT_EQ(profile->sensors.size(), 1u);
  EXPECT_EQ(profile->sensors[0].bus, "i2c-3");
  EXPECT_EQ(profile->sensors[0].address, 0x41);
  ASSERT_EQ(profile->sensors[0].channels.size(), 1u);
  EXPECT_EQ(profile->sensors[0].channels[0].number, 2u);
  EXPECT_DOUBLE_EQ(profile->sensors[0].channels[0].shunt_ohm, 0.005);
  EXPECT_DOUBLE_EQ(profile->sensors[0].channels[0].shunt_tolerance, 0.01) << "nothing is said";
  EXPECT_EQ(profile->cpu_cores, 2u);
  EXPECT_DOUBLE_EQ(profile->operating_points[1].frequency_hz, 200e6);
  EXPECT_DOUBLE_EQ(profile->operating_points[1].voltage_v, 0.9);
  EXPECT_TRUE(profile->gpu_frequencies_hz.empty());
}

TEST(BoardProfile, TakesNoTypeForAnother) {
  const auto error = [](const std::string& from, const std::string& to) {
    return std::string(ParseBoardProfile(Replace(kRails + kSensor + kCpu, from, to), "toy.toml")
                           .status()
                           .message());
  };
  EXPECT_EQ(error("schema = 1", "schema = true"),
            "toy.toml: line 2: \"schema\" must be an integer");
  EXPECT_EQ(error("cores = 2", "cores = 2.0"),
            "toy.toml: line 26: cpu: \"cores\" must be an integer");
  EXPECT_EQ(error("default_rate_hz = 500", "default_rate_hz = true"),
            "toy.toml: line 5: \"default_rate_hz\" must be a number");
  EXPECT_EQ(error("title = \"Toy\"", "title = 1"), "toy.toml: line 4: \"title\" must be a text");
}

TEST(BoardProfile, AnAddressIsOneSensors) {
  const std::string second = Replace(kSensor, "rail = \"CORE\"", "rail = \"IN\"");
  EXPECT_EQ(ParseBoardProfile(kRails + kSensor + second, "toy.toml").status().message(),
            "toy.toml: line 29: sensor[1]: \"address\" is that of a sensor above on the same bus");
  EXPECT_TRUE(ParseBoardProfile(kRails + kSensor + Replace(second, "i2c-3", "i2c-4"), "toy").ok());
}

TEST(BoardProfile, ADevicesClockIsOneThatCanBeAskedFor) {
  const std::string clock = "[[clock]]\nname = \"dla\"\ndevfreq = [\"dla\"]\n";
  EXPECT_EQ(ParseBoardProfile(kRails + clock, "toy.toml").status().message(),
            "toy.toml: line 15: clock[0]: \"name\" must be gpu or memory");
}

TEST(BoardProfile, TheGpusFrequenciesRise) {
  const auto parse = [](const std::string& frequencies) {
    return ParseBoardProfile(kRails + kSensor + kCpu + "[gpu]\nfrequencies = " + frequencies + "\n",
                             "toy.toml");
  };
  const absl::StatusOr<BoardProfile> profile = parse("[{ khz = 76800 }, { khz = 153600 }]");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_THAT(profile->gpu_frequencies_hz, testing::ElementsAre(76.8e6, 153.6e6));
  EXPECT_FALSE(parse("[{ khz = 153600 }, { khz = 76800 }]").ok());
}

TEST(BoardProfile, TheTx1IsBuiltIn) {
  const absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile("jetson-tx1");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->id, "jetson-tx1");
  ASSERT_EQ(profile->operating_points.size(), 17u);
  EXPECT_EQ(profile->gpu_frequencies_hz.size(), 13u);
  EXPECT_DOUBLE_EQ(profile->operating_points.front().frequency_hz, 102e6);
  EXPECT_DOUBLE_EQ(profile->operating_points.back().frequency_hz, 1734e6);
  ASSERT_EQ(profile->sensors.size(), 1u);
  EXPECT_EQ(profile->sensors[0].address, 0x40);
  EXPECT_DOUBLE_EQ(profile->sensors[0].channels[0].shunt_ohm, 0.020);
  EXPECT_DOUBLE_EQ(profile->sensors[0].channels[2].shunt_ohm, 0.010);
}

TEST(BoardProfile, EveryBuiltInProfileIsValidAndNamedAfterItsId) {
  ASSERT_FALSE(BuiltInBoardProfileIds().empty());
  for (const std::string& id : BuiltInBoardProfileIds()) {
    const absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile(id);
    ASSERT_TRUE(profile.ok()) << profile.status();
    EXPECT_EQ(profile->id, id);
  }
  const absl::Status status = BuiltInBoardProfile("jetson-tx9").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.ToString().find("jetson-tx1"), std::string::npos) << status;
}

struct Bad {
  std::string from, to;  // a change to the valid file
  std::string said;      // part of the error
};

TEST(BoardProfile, ErrorsSayWhereAndWhat) {
  const std::string good = kRails + kSensor + kCpu;
  ASSERT_TRUE(ParseBoardProfile(good, "toy.toml").ok());
  for (const Bad& bad : {
           Bad{"schema = 1", "schema = 2", "\"schema\" is 2; allowed is 1 to 1"},
           Bad{"schema = 1", "schema = \"1\"", "\"schema\" must be an integer"},
           Bad{"id = \"toy\"", "", "\"id\" must be a text"},
           Bad{"id = \"toy\"", "id = \"\"", "\"id\" must not be empty"},
           Bad{"id = \"toy\"", "id = \"toy\"\nnoise = 3",
               "toy.toml: line 4: \"noise\" is no key that is known here"},
           Bad{"id = \"toy\"", "id = \"toy\"\nthermal_zone = [\"cpu\"]",
               "did you mean \"thermal_zones\"?"},
           Bad{"[\"POM_CORE\"]", "[\"IN\"]", "rail[1]: \"labels\" \"IN\" is that of a rail above"},
           Bad{"[\"POM_CORE\"]", "[7]", "rail[1]: \"labels\" must be a list of texts"},
           Bad{"[\"POM_CORE\"]", "\"POM_CORE\"", "rail[1]: \"labels\" must be a list of texts"},
           Bad{"address = 0x41", "address = 0x41\naverages = 0", "sensor[0]: \"averages\" is 0"},
           Bad{"[cpu]", "[[clock]]\nname = \"gpu\"\n[cpu]", "clock[0]: \"devfreq\" or both"},
           Bad{"[cpu]", "[[clock]]\nname = \"gpu\"\nrate = \"a\"\n[cpu]",
               "clock[0]: \"devfreq\" or"},
           Bad{"[cpu]", "[fan]\ntarget = [\"a\"]\nfull = 0\n[cpu]", "fan: \"full\" is 0"},
           Bad{"[cpu]", "[fan]\nfull = 255\n[cpu]", "fan: \"target\" must be a list of texts"},
           Bad{"[cpu]", "[recognise]\npresent = [\"a\"]\n[cpu]",
               "recognise: \"rank\" must be an integer"},
           Bad{"[cpu]", "[recognise]\ncompatibel = [\"a\"]\n[cpu]",
               "recognise: \"compatibel\" is no key that is known here; did you mean "
               "\"compatible\"?"},
           Bad{"= 500", "= 0", "\"default_rate_hz\" must be above 0"},
           Bad{"= 500", "= nan", "\"default_rate_hz\" must be above 0"},
           Bad{"scope = \"module\"", "scope = \"planet\"", "rail[0]: \"scope\" must be wall"},
           Bad{"name = \"CORE\"", "name = \"IN\"",
               "rail[1]: \"name\" \"IN\" is that of a rail above"},
           Bad{"contained_in = \"IN\"", "contained_in = \"OUT\"", "rail[1]: \"contained_in\""},
           Bad{"contained_in = \"IN\"", "contained_in = \"CORE\"", "rail[1]: \"contained_in\""},
           Bad{"chip = \"ina3221\"", "chip = \"ina999\"", "sensor[0]: \"chip\" must be ina3221"},
           Bad{"0x41", "0x50", "sensor[0]: \"address\" is 80; allowed is 64 to 67"},
           Bad{"number = 2", "number = 4", "sensor[0]: channel[0]: \"number\" is 4"},
           Bad{"rail = \"CORE\"", "rail = \"GPU\"", "channel[0]: \"rail\" must name one"},
           Bad{"0.005", "-1", "channel[0]: \"shunt_ohm\" must be above 0"},
           Bad{"0.005", "0.005\nshunt_tolerance = 5",
               "channel[0]: \"shunt_tolerance\" must be from 0 to 1"},
           Bad{"0.005", "\"5 mOhm\"", "channel[0]: \"shunt_ohm\" must be a number"},
           Bad{"khz = 200000", "khz = 100000", "operating_points[1]: \"khz\" must be above"},
           Bad{"cores = 2", "cores = 0", "cpu: \"cores\" is 0"},
           Bad{"[cpu]", "[cpus]", "\"cpus\" is no key that is known here; did you mean \"cpu\"?"},
           Bad{"[[sensor]]", "[[sensors]]", "toy.toml"},
           Bad{"schema = 1", "schema = ", "line 2"},
       }) {
    const absl::Status status =
        ParseBoardProfile(Replace(good, bad.from, bad.to), "toy.toml").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.to;
    EXPECT_NE(status.ToString().find("toy.toml"), std::string::npos) << status;
    EXPECT_NE(status.ToString().find(bad.said), std::string::npos) << status;
  }
}

TEST(BoardProfile, ASimulationSaysItsPoliciesAndGovernors) {
  const std::string file = "deploy/boards/snapdragon-820.toml";
  const std::string good = *ReadFile(file, 1 << 20);
  const SimulationProfile simulation = *ParseBoardProfile(good, file)->simulation;
  ASSERT_EQ(simulation.policies.size(), 2u);
  EXPECT_EQ(simulation.policies[0].khz.back(), 1'593'600);
  EXPECT_EQ(simulation.policies[1].khz.back(), 2'150'400) << "without its own those of the points";
  EXPECT_EQ(simulation.gpu_governors.front(), "msm-adreno-tz");
  EXPECT_EQ(BuiltInBoardProfile("generic-x86-rapl")->simulation->policies.size(), 8u);
  for (const Bad& bad : {
           Bad{"cores = 2\nfreq", "cores = 3\nfreq", "has 5 cores in its policies and 4 in all"},
           Bad{"cores = 2\nfreq", "cores = 2\ncount = 0\nfreq", "policy[0]: \"count\" is 0"},
           Bad{"khz = 422400", "khz = 307200", "frequencies[1]: \"khz\" must be above"},
           Bad{"cpu_governors", "cpu_governor", "\"cpu_governors\" must be there"},
           Bad{"gpu_governors", "# gpu_governors", "needs \"gpu_governors\""},
           Bad{"sensor = \"battery\"",
               "sensor = \"battery\"\nmemory_clock = { lowest_khz = 2, highest_khz = 1 }",
               "memory_clock: \"highest_khz\" is 1"},
       }) {
    const absl::Status status = ParseBoardProfile(Replace(good, bad.from, bad.to), file).status();
    EXPECT_NE(status.ToString().find(bad.said), std::string::npos) << bad.said << ": " << status;
  }
}

TEST(BoardProfile, ReadsWhatCanBeSet) {
  const absl::StatusOr<BoardProfile> profile = ParseBoardProfile(R"(
schema = 1
id = "toy"
title = "Toy"
default_rate_hz = 500
thermal_zones = ["cpu-thermal"]
notes = ["hot"]
[recognise]
compatible = ["maker,toy"]
dmi_product = ["Toy"]
present = ["class/powercap/*"]
rank = 7
[[clock]]
name = "gpu"
devfreq = ["class/devfreq/*.gpu"]
[[clock]]
name = "memory"
rate = "kernel/debug/emc/rate"
state = "kernel/debug/emc/state"
[fan]
target = ["devices/pwm-fan/target_pwm", "class/hwmon/*/pwm1"]
full = 255
)",
                                                                 "toy.toml");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_TRUE(profile->sensors.empty());
  EXPECT_EQ(profile->cpu_cores, 0u);
  EXPECT_EQ(profile->signs.compatible, std::vector<std::string>{"maker,toy"});
  EXPECT_EQ(profile->signs.present, std::vector<std::string>{"class/powercap/*"});
  ASSERT_EQ(profile->clocks.size(), 2u);
  EXPECT_EQ(profile->clocks[0].devfreq, std::vector<std::string>{"class/devfreq/*.gpu"});
  EXPECT_EQ(profile->clocks[1].state, "kernel/debug/emc/state");
  EXPECT_EQ(profile->thermal_zones, std::vector<std::string>{"cpu-thermal"});
  ASSERT_TRUE(profile->fan.has_value());
  EXPECT_EQ(profile->fan->target.size(), 2u);
  EXPECT_EQ(profile->fan->full, 255u);
  EXPECT_EQ(profile->signs.rank, 7u);
  EXPECT_EQ(profile->notes, std::vector<std::string>{"hot"});
}

TEST(BoardProfile, ARailIsMeasuredOnce) {
  const std::string twice = kRails + kSensor + R"(
[[sensor.channel]]
number = 3
rail = "CORE"
shunt_ohm = 0.005
)" + kCpu;
  const absl::Status status = ParseBoardProfile(twice, "toy.toml").status();
  EXPECT_NE(status.ToString().find("channel[1]: \"rail\" is measured by a channel above already"),
            std::string::npos)
      << status;
}

}  // namespace
}  // namespace synergy
