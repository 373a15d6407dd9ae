#include "daemon/power/known_ina3221.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/power/fake_ina3221_hwmon.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kOrin[] = R"(
schema = 1
id = "my-orin"
title = "A board"
default_rate_hz = 1000.0

[[rail]]
name = "GPU"
labels = ["VDD_GPU_SOC"]
scope = "component"

[[rail]]
name = "VDD_CPU_CV"
scope = "component"

[[sensor]]
chip = "ina3221"
bus = "i2c-1"
bit_rate_hz = 400000
address = 0x40
averages = 4
conversion_us = 588

[[sensor.channel]]
number = 1
rail = "GPU"
shunt_ohm = 0.002

[[sensor.channel]]
number = 2
rail = "VDD_CPU_CV"
shunt_ohm = 0.001
shunt_tolerance = 0.005
)";

class KnowIna3221Test : public testing::Test {
 protected:
  KnownIna3221 Know() {
    const absl::StatusOr<BoardProfile> profile = ParseBoardProfile(kOrin, "my-orin.toml");
    EXPECT_TRUE(profile.ok()) << profile.status();
    return KnowIna3221(*profile, ListHwmon(chip_.tree.root()).at(0));
  }
  FakeIna3221Hwmon chip_;
};

TEST_F(KnowIna3221Test, FindsTheSensorByItsLabelsAndComparesShunts) {
  const KnownIna3221 known = Know();
  EXPECT_EQ(known.averages, 4u);
  EXPECT_EQ(known.conversion_us, 588u);
  EXPECT_THAT(known.shunt_tolerance, ElementsAre(0.01, 0.005, 0.01));
  EXPECT_THAT(known.remarks,
              ElementsAre(AllOf(
                  HasSubstr("ina3221 1-0040: the kernel takes the shunt of VDD_CPU_CV for 2 mOhm, "
                            "and the profile of my-orin says 1 mOhm. The kernel's is used"),
                  HasSubstr("are 2 times what is shown; to mend it: "),
                  HasSubstr("echo 1000 | sudo tee "), HasSubstr("/shunt2_resistor"))));
}

TEST_F(KnowIna3221Test, SaysNothingWhereTheyAgreeOrTheDriverIsSilent) {
  chip_.WriteFile("shunt2_resistor", "1001");
  EXPECT_THAT(Know().remarks, IsEmpty());
  chip_.tree.Remove(chip_.File("shunt2_resistor"));
  EXPECT_THAT(Know().remarks, IsEmpty());
}

TEST_F(KnowIna3221Test, KnowsNothingOfAnotherBoardsChip) {
  for (const char* file : {"in1_label", "in2_label", "in3_label"}) chip_.WriteFile(file, "OTHER");
  const KnownIna3221 known = Know();
  EXPECT_EQ(known.averages, 0u);
  EXPECT_EQ(known.conversion_us, 0u);
  EXPECT_THAT(known.remarks, IsEmpty());
}

}  // namespace
}  // namespace synergy
