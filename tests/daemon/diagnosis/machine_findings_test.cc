// Counters, time and permissions: what is made of facts that a machine has told.
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
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

MachineFacts GoodFacts() {
  MachineFacts facts;
  facts.capabilities = ~uint64_t{0};
  facts.state_free_bytes = uint64_t{100} << 30;
  facts.cycles = {.count = 100'000};
  facts.instructions = {.count = 200'000};
  facts.clock_read_s = 25e-9;
  facts.clock_resolution_s = 1e-9;
  return facts;
}

class MachineFindingsTest : public testing::Test {
 protected:
  MachineFindingsTest() {
    machine_.Write("proc/sys/kernel/perf_event_paranoid", "2");
    machine_.Write("sys/bus/event_source/devices/cpu/type", "4");
    machine_.Write(kClockSource + "current_clocksource", "tsc");
    machine_.Write(kClockSource + "available_clocksource", "tsc hpet acpi_pm");
    subject_.machine = machine_.root();
    subject_.sysfs = "/sys";
    subject_.state_dir = "/var/lib/synergy";
  }
  std::vector<std::string> Counters() const {
    v1::Diagnosis diagnosis;
    FindCounters(machine_.root(), facts_, diagnosis);
    return Lines(diagnosis);
  }
  std::vector<std::string> Time() const {
    v1::Diagnosis diagnosis;
    FindTime(machine_.root(), facts_, diagnosis);
    return Lines(diagnosis);
  }
  std::vector<std::string> Permissions() const {
    v1::Diagnosis diagnosis;
    FindPermissions(subject_, facts_, diagnosis);
    return Lines(diagnosis);
  }

  const std::string kClockSource = "sys/devices/system/clocksource/clocksource0/";
  FakeSysfs machine_;
  MachineFacts facts_ = GoodFacts();
  DiagnosisSubject subject_;
};

TEST_F(MachineFindingsTest, CountersThatCountAreGood) {
  EXPECT_THAT(Counters(), Each(StartsWith("good")));
  EXPECT_THAT(Counters(), Contains(HasSubstr("cycles and instructions can be counted")));
  EXPECT_THAT(Counters(), Contains(HasSubstr("performance units: cpu")));
}

TEST_F(MachineFindingsTest, CountersThatAVirtualMachineLacksAreLimited) {
  for (const int error : {ENOENT, EOPNOTSUPP}) {
    facts_.cycles.error = error;
    EXPECT_THAT(Counters(), Contains(AllOf(StartsWith("LIMITED counters: cycles"),
                                           HasSubstr("virtual machines"))));
  }
  EXPECT_THAT(Counters(), Contains(HasSubstr("instructions can be counted")));
}

TEST_F(MachineFindingsTest, CountersThatMayNotBeOpenedNameTheSwitch) {
  facts_.cycles.error = EACCES;
  EXPECT_THAT(Counters(), Contains(AllOf(HasSubstr("perf_event_paranoid is 2"),
                                         HasSubstr("sudo sysctl kernel.perf_event_paranoid"))));
  facts_.cycles.error = ENOSYS;
  EXPECT_THAT(Counters(), Contains(HasSubstr("CONFIG_PERF_EVENTS")));
}

TEST_F(MachineFindingsTest, ACounterThatStandsStillIsNotBelieved) {
  facts_.instructions.count = 0;
  EXPECT_THAT(Counters(),
              Contains(AllOf(StartsWith("LIMITED"), HasSubstr("instructions opens, but stands"))));
}

TEST_F(MachineFindingsTest, AFastClockSourceIsGoodAndNoNtpIsNeeded) {
  EXPECT_THAT(Time(), Each(StartsWith("good")));
  EXPECT_THAT(Time(), Contains(HasSubstr("tsc, 25 ns for a read")));
  EXPECT_THAT(Time(), Contains(HasSubstr("no NTP is needed")));
  EXPECT_THAT(Time(), Contains(HasSubstr("never asleep")));
}

TEST_F(MachineFindingsTest, ASlowClockSourceIsLimitedWithTheCommandThatMendsIt) {
  machine_.Write(kClockSource + "current_clocksource", "hpet");
  facts_.clock_read_s = 1.2e-6;
  EXPECT_THAT(Time(), Contains(AllOf(StartsWith("LIMITED time: hpet, 1200 ns"),
                                     HasSubstr("echo tsc | sudo tee"))));
  machine_.Write(kClockSource + "available_clocksource", "hpet acpi_pm");
  EXPECT_THAT(Time(), Contains(HasSubstr("tsc=reliable")));
}

TEST_F(MachineFindingsTest, AnUnknownClockSourceIsJudgedByItsReads) {
  machine_.Write(kClockSource + "current_clocksource", "mct-frc");
  EXPECT_THAT(Time(), Contains(StartsWith("good time: mct-frc")));
  facts_.clock_read_s = 0.9e-6;
  EXPECT_THAT(Time(), Contains(StartsWith("LIMITED time: mct-frc")));
}

TEST_F(MachineFindingsTest, ACoarseClockIsLimited) {
  machine_.Write(kClockSource + "current_clocksource", "jiffies");
  facts_.clock_resolution_s = 4e-3;
  EXPECT_THAT(Time(), Contains(AllOf(StartsWith("LIMITED"), HasSubstr("steps of 4 ms"))));
}

TEST_F(MachineFindingsTest, SleepSinceTheBootIsTold) {
  facts_.suspended_s = 7200;
  EXPECT_THAT(Time(), Contains(HasSubstr("asleep for 7200 s")));
}

TEST_F(MachineFindingsTest, WhoIsNotRootIsToldWhatItCosts) {
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("LIMITED permissions: synergyd does not run "
                                                       "as root"),
                                            HasSubstr("sudo systemctl restart synergyd"))));
  EXPECT_THAT(Permissions(), Contains(HasSubstr("real-time priority is granted")));
}

TEST_F(MachineFindingsTest, RootWithoutItsRightsIsLimited) {
  facts_.root = true;
  EXPECT_THAT(Permissions(), Contains(StartsWith("good permissions: synergyd runs as root")));
  facts_.capabilities = 0;
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("LIMITED"), HasSubstr("CAP_SYS_NICE"),
                                            HasSubstr("CAP_SETUID"), HasSubstr("--cap-add"))));
}

TEST_F(MachineFindingsTest, AReadOnlySysfsIsLimited) {
  EXPECT_THAT(Permissions(), Not(Contains(HasSubstr("read-only"))));
  facts_.sysfs_read_only = true;
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("LIMITED"), HasSubstr("/sys is mounted"),
                                            HasSubstr("sudo mount -o remount,rw /sys"))));
}

TEST_F(MachineFindingsTest, NoRealTimePriorityIsLimited) {
  facts_.real_time_error = EPERM;
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("LIMITED"), HasSubstr("real-time"),
                                            HasSubstr("LimitRTPRIO"))));
}

TEST_F(MachineFindingsTest, WithoutACgroupTheReasonDecidesWhatMendsIt) {
  facts_.root = true;
  subject_.kills_by_cgroup = false;
  EXPECT_THAT(Permissions(), Contains(HasSubstr("systemd.unified_cgroup_hierarchy=1")));
  machine_.Write("sys/fs/cgroup/cgroup.controllers", "cpu memory");
  EXPECT_THAT(Permissions(), Contains(HasSubstr("Linux 5.14")));
}

TEST_F(MachineFindingsTest, AFullDiskIsMissingAndAScarceOneLimited) {
  EXPECT_THAT(Permissions(), Contains(HasSubstr("102400 MiB free in /var/lib/synergy")));
  facts_.state_free_bytes = uint64_t{500} << 20;
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("LIMITED"), HasSubstr("500 MiB"))));
  facts_.state_free_bytes = uint64_t{63} << 20;
  EXPECT_THAT(Permissions(), Contains(AllOf(StartsWith("MISSING"), HasSubstr("--state DIR"))));
}

TEST(AskMachine, AnswersOnThisMachine) {
  const FakeSysfs folder;
  const MachineFacts facts = AskMachine("/sys", folder.root());
  EXPECT_GT(facts.clock_read_s, 0);
  EXPECT_GT(facts.clock_resolution_s, 0);
  EXPECT_GE(facts.suspended_s, 0);
  EXPECT_TRUE(facts.state_free_bytes.has_value());
  EXPECT_NE(facts.cycles.error, EINVAL) << "the kernel understands what it is asked";
  EXPECT_NE(facts.real_time_error, EINVAL);
  EXPECT_FALSE(AskMachine("/sys", folder.Path("absent")).state_free_bytes.has_value());
}

}  // namespace
}  // namespace synergy
