#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "daemon/diagnosis/areas.h"
#include "tests/daemon/diagnosis/checks.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FindPowerTest : public testing::Test {
 protected:
  FindPowerTest() {
    subject_.sysfs = sysfs_.Path("sys");
    subject_.machine = sysfs_.root();
  }
  v1::SourceInfo& AddSource() {
    v1::SourceInfo& source = *subject_.board.add_sources();
    source.set_name("ina3221 1-0040");
    source.add_rails("VDD_IN");
    source.add_rails("VDD_GPU");
    source.set_max_rate_hz(1190.5);
    return source;
  }
  std::vector<std::string> Found(bool root = true) const {
    v1::Diagnosis diagnosis;
    FindPower(subject_, root, diagnosis);
    return Lines(diagnosis);
  }

  FakeSysfs sysfs_;
  DiagnosisSubject subject_;
};

TEST_F(FindPowerTest, ASourceIsToldWithRailsRateAndRemarks) {
  AddSource().add_remarks(
      std::string(SysfsError("update_interval stays: writing", "/x", EACCES).message()));
  EXPECT_THAT(Found(false),
              ElementsAre("good power: ina3221 1-0040: VDD_IN, VDD_GPU; up to 1190.5 readings a "
                          "second -> ",
                          AllOf(StartsWith("LIMITED power: update_interval stays"),
                                HasSubstr("sudo systemctl restart synergyd"))));
}

TEST_F(FindPowerTest, ARemarkThatSaysWhatToDoIsPartedThere) {
  AddSource().add_remarks("exec:meter: no readings; to mend it: flush");
  EXPECT_THAT(Found(), testing::Contains("LIMITED power: exec:meter: no readings -> flush"));
}

TEST_F(FindPowerTest, NoSourceIsMissing) {
  EXPECT_THAT(Found(), ElementsAre(AllOf(StartsWith("MISSING power"), HasSubstr("--source exec:"),
                                         HasSubstr("sim:jetson-tx1"))));
}

TEST_F(FindPowerTest, WhatIsNotReadIsToldWithItsMendWhereThereIsOne) {
  AddSource();
  subject_.board.add_unused_sources(
      std::string(SysfsError("rapl: reading", "energy_uj", EPERM).message()));
  subject_.board.add_unused_sources("pwmfan hwmon1: shows neither power nor energy");
  EXPECT_THAT(Found(false),
              Contains(AllOf(StartsWith("LIMITED power: not read: rapl"), HasSubstr("as root"))));
  EXPECT_THAT(Found(true),
              Contains(AllOf(StartsWith("LIMITED power: not read: rapl"), HasSubstr("container"))));
  EXPECT_THAT(Found(),
              Contains("good power: not read: pwmfan hwmon1: shows neither power nor energy -> "));
}

TEST_F(FindPowerTest, WhatIsNotReadIsPartedWhereItSaysWhatToDo) {
  AddSource();
  subject_.board.add_unused_sources("--source i2c: no INA3221; to mend it: load the driver");
  EXPECT_THAT(Found(), Contains("LIMITED power: not read: --source i2c: no INA3221 -> "
                                "load the driver"));
}

TEST_F(FindPowerTest, AReadOnlySysfsAndABusyChipHaveMendsOfTheirOwn) {
  v1::SourceInfo& source = AddSource();
  source.add_remarks(std::string(SysfsError("Writing", "/sys/x", EROFS).message()));
  source.add_remarks(std::string(SysfsError("Opening", "/dev/i2c-1", EBUSY).message()));
  EXPECT_THAT(Found(), Contains(HasSubstr("mount -o remount,rw /sys")));
  EXPECT_THAT(Found(), Contains(HasSubstr("sudo lsof /dev/i2c-*")));
}

TEST_F(FindPowerTest, AChipWithoutADriverIsToldWithTheModuleAndTheBinding) {
  AddSource();
  sysfs_.Write("sys/bus/i2c/devices/1-0041/name", "ina226");
  sysfs_.Write("sys/bus/i2c/devices/1-0042/name", "ina3221");
  sysfs_.Write("sys/bus/i2c/drivers/ina3221/bind", "");
  sysfs_.Link("sys/bus/i2c/devices/1-0042/driver", "sys/bus/i2c/drivers/ina3221");
  sysfs_.Write("sys/bus/i2c/devices/1-0050/name", "24c02");
  sysfs_.Write("sys/bus/i2c/devices/1-0040/name", "ina3221");  // taken from its driver by us
  const std::vector<std::string> found = Found();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_THAT(found[1], AllOf(StartsWith("LIMITED power: ina226 1-0041 is there, but no driver"),
                              HasSubstr("sudo modprobe ina2xx; echo 1-0041 | sudo tee "
                                        "/sys/bus/i2c/drivers/ina2xx/bind")));
}

TEST_F(FindPowerTest, OnX86WithoutRaplItSaysWhichModuleOrThatTheMachineIsVirtual) {
  AddSource();
  sysfs_.Write("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t: fpu msr");
  EXPECT_THAT(Found(), Contains(HasSubstr("modprobe intel_rapl_msr")));
  sysfs_.Write("proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t: fpu hypervisor msr");
  EXPECT_THAT(Found(), Contains(HasSubstr("virtual machine")));
  sysfs_.Write("sys/class/powercap/intel-rapl:0/name", "package-0");
  EXPECT_THAT(Found(), Not(Contains(HasSubstr("RAPL"))));
}

TEST_F(FindPowerTest, ASimulatedBoardSaysSoAndDoesNotLookAround) {
  AddSource();
  subject_.board.set_simulated(true);
  sysfs_.Write("sys/bus/i2c/devices/1-0041/name", "ina226");
  EXPECT_THAT(Found(), ElementsAre(StartsWith("good power: SIMULATED ina3221")));
}

}  // namespace
}  // namespace synergy
