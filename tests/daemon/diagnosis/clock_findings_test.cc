#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "tests/daemon/diagnosis/checks.h"

namespace synergy {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> Found(const ClockFindings& clocks) {
  v1::Diagnosis diagnosis;
  FindClocks(clocks, diagnosis);
  return Lines(diagnosis);
}

ClockTrial Trial(const std::string& obtained) {
  ClockTrial trial;
  trial.setting.set_control("devices/system/cpu/cpufreq/policy0/scaling_governor");
  trial.setting.set_original("ondemand");
  trial.setting.set_asked("ondemand");
  trial.setting.set_obtained(obtained);
  return trial;
}

ClockFindings WithTrial(absl::StatusOr<ClockTrial> trial) {
  ClockFindings clocks;
  clocks.trial = std::move(trial);
  return clocks;
}

TEST(FindClocks, ShowsPoliciesDevicesAndWhoHoldsThem) {
  ClockFindings clocks;
  v1::CpuPolicyState& policy = *clocks.state.add_policies();
  policy.set_name("policy0");
  policy.set_active(true);
  policy.set_driver("cpufreq-dt");
  policy.set_governor("ondemand");
  policy.add_governors("ondemand");
  policy.add_governors("performance");
  for (const int64_t khz : {102000, 1734000}) policy.add_frequencies_khz(khz);
  policy.set_lowest_khz(102000);
  policy.set_highest_khz(1734000);
  for (const uint32_t cpu : {0u, 1u}) policy.add_cpus(cpu);
  clocks.state.mutable_lease()->set_holder("ann@lab");
  clocks.state.mutable_lease()->mutable_asked()->set_boost(false);
  EXPECT_THAT(Found(clocks),
              ElementsAre("good clocks: policy0 (CPUs 0-1, cpufreq-dt): 102MHz to 1734MHz in 2 "
                          "steps; governor ondemand of ondemand performance -> ",
                          "good clocks: ann@lab holds the clocks: boost off -> "));
}

TEST(FindClocks, NotesAreLimitsWithWhatMendsThem) {
  ClockFindings clocks;
  clocks.state.add_notes("clocks cannot be set: synergyd does not run as root");
  clocks.state.add_notes(
      "the CPU's clocks cannot be read or set: the kernel has no cpufreq driver");
  EXPECT_THAT(Found(clocks), ElementsAre(AllOf(StartsWith("LIMITED"), HasSubstr("sudo synergyd")),
                                         AllOf(StartsWith("LIMITED"), HasSubstr("modprobe")),
                                         "good clocks: nobody holds the clocks -> "));
}

TEST(FindClocks, AJournalThatNobodyHoldsWasLeft) {
  ClockFindings clocks;
  clocks.journals = {"/s/leases/clocks.journal", "/s/leases/sensors.journal"};
  clocks.restore_by_hand = "synergyd --restore --state /s --sysfs-root /tree";
  EXPECT_THAT(Found(clocks),
              Contains(AllOf(StartsWith("LIMITED"), HasSubstr("/s/leases/clocks.journal"),
                             HasSubstr("stop synergyd, then: synergyd --restore --state /s "
                                       "--sysfs-root /tree"))));
  EXPECT_THAT(Found(clocks), Not(Contains(HasSubstr("sensors.journal")))) << "the daemon's own";
  clocks.state.mutable_lease()->set_holder("ann@lab");
  EXPECT_THAT(Found(clocks), Not(Contains(HasSubstr("journal")))) << "that lease's own";
}

TEST(FindClocks, ArchivedJournalsAreToldFromEachOther) {
  ClockFindings clocks;
  clocks.journals = {"/s/leases/clocks.journal.gone", "/s/leases/clocks.journal.other-boot"};
  const std::vector<std::string> found = Found(clocks);
  EXPECT_THAT(found, Contains(AllOf(StartsWith("LIMITED"), HasSubstr("could not be put back"),
                                    HasSubstr("sudo rm /s/leases/clocks.journal.gone"))));
  EXPECT_THAT(found, Contains(AllOf(StartsWith("good"), HasSubstr("earlier boot"))));
}

TEST(FindClocks, ATrialIsToldStepByStep) {
  EXPECT_THAT(
      Found(WithTrial(Trial("ondemand"))),
      Contains("good clocks: tried: devices/system/cpu/cpufreq/policy0/scaling_governor was "
               "ondemand, was set to ondemand and read ondemand; it was put back -> "));
  ClockTrial simulated = Trial("ondemand");
  simulated.simulated = true;
  EXPECT_THAT(Found(WithTrial(simulated)), Contains(HasSubstr("tried (SIMULATED)")));
  EXPECT_THAT(Found(WithTrial(Trial("powersave"))),
              Contains(AllOf(StartsWith("LIMITED"), HasSubstr("somebody else"))));
}

TEST(FindClocks, ATrialThatFailsSaysWhyAndWhatMendsIt) {
  EXPECT_THAT(Found(WithTrial(SysfsError("Writing", "/sys/x", EROFS))),
              Contains(AllOf(StartsWith("LIMITED"), HasSubstr("read-only"),
                             HasSubstr("mount -o remount,rw"))));
  EXPECT_THAT(Found(WithTrial(absl::UnavailableError("not while run 7 is under way"))),
              Contains(AllOf(StartsWith("LIMITED"), HasSubstr("run 7"), HasSubstr("try again"))));
}

}  // namespace
}  // namespace synergy
