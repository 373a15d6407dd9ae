// kill -9 at every step of taking and of restoring a lease, and at random ones: afterwards the
// kernel is as it was, and no journal is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/lease_victim.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::IsEmpty;

class LeaseKill : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<FakeKernel> Board() const { return MakeVictimBoard(GetParam()); }
  TempFolder folder_;
  const std::string journal_ = folder_.File("clocks.journal");
};

INSTANTIATE_TEST_SUITE_P(Kernels, LeaseKill, testing::Bool(), [](const auto& kernel) {
  return kernel.param ? "Before5_3" : "Since5_3";
});

TEST_P(LeaseKill, AtEveryStepOfALeaseEverythingComesBack) {
  Victim victim;
  victim.work = [&](AttributeFiles& files) { TakeAndRelease(files, journal_, nullptr); };
  const auto whole = Board();
  const auto before = whole->Snapshot();
  const VictimEnd end = RunVictim(*whole, victim);
  ASSERT_FALSE(end.killed);
  ASSERT_GT(end.steps, 60);
  EXPECT_THAT(Differences(*whole, journal_, before), IsEmpty());
  for (long step = 1; step <= end.steps; ++step) {
    const auto kernel = Board();
    victim.kill_at_step = step;
    EXPECT_TRUE(RunVictim(*kernel, victim).killed);
    EXPECT_THAT(Differences(*kernel, journal_, before), IsEmpty()) << "killed at step " << step;
  }
}

// Takes a lease and is gone.
void TakeAndDie(AttributeFiles& files, const std::string& journal) {
  auto lease = FrequencyLease::Take(VictimLease(journal), files);
  if (!lease.ok()) _exit(4);
  const std::string policy = FakeKernel::PolicyFolder(2);
  const std::string gpu = FakeKernel::DevfreqFolder("57000000.gpu");
  const absl::Status applied =
      (*lease)
          ->Apply({{.path = policy + "/scaling_min_freq"},
                   {.path = policy + "/scaling_setspeed"},
                   {.path = policy + "/scaling_governor", .value = "performance"},
                   {.path = policy + "/scaling_max_freq", .value = "403200"},
                   {.path = policy + "/boost", .value = "0"},
                   {.path = FakeKernel::CpuFolder() + "/cpu3/online", .value = "1"},
                   {.path = gpu + "/min_freq", .value = "614400000"},
                   {.path = gpu + "/max_freq", .value = "614400000"},
                   {.path = "/sys/class/hwmon/hwmon0/update_interval", .value = "1"}})
          .status();
  if (!applied.ok() || !(*lease)->Unbind(FakeKernel::DeviceFolder()).ok()) _exit(5);
  kill(getpid(), SIGKILL);
}

TEST_P(LeaseKill, AtEveryStepOfARestoreEverythingComesBack) {
  const auto before = Board()->Snapshot();
  const Victim taker{.work = [&](AttributeFiles& files) { TakeAndDie(files, journal_); }};
  Victim restorer;
  restorer.work = [&](AttributeFiles& files) {
    if (!Restore(journal_, {.boot_id = kVictimBoot}, files).Clean()) _exit(6);
  };
  const auto whole = Board();
  ASSERT_TRUE(RunVictim(*whole, taker).killed);
  ASSERT_NE(whole->Snapshot(), before);
  const VictimEnd end = RunVictim(*whole, restorer);
  ASSERT_GT(end.steps, 15);
  EXPECT_THAT(Differences(*whole, journal_, before), IsEmpty());
  for (long step = 1; step <= end.steps; ++step) {
    const auto kernel = Board();
    ASSERT_TRUE(RunVictim(*kernel, taker).killed);
    restorer.kill_at_step = step;
    EXPECT_TRUE(RunVictim(*kernel, restorer).killed);
    EXPECT_THAT(Differences(*kernel, journal_, before), IsEmpty()) << "killed at step " << step;
  }
}

}  // namespace
}  // namespace synergy
