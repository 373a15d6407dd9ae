#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

// A line of /proc/PID/stat.
std::string Stat(int pid, const std::string& name, int parent, uint64_t user, uint64_t system,
                 uint64_t start = 5) {
  return fmt::format("{} ({}) R {} 1 1 0 -1 4194304 9 8 7 6 {} {} 0 0 20 0 1 0 {} 999 111 0", pid,
                     name, parent, user, system, start);
}

v1::Conditions::Throttle Throttle(const std::string& what, uint64_t value) {
  v1::Conditions::Throttle throttle;
  throttle.set_what(what);
  throttle.set_value(value);
  return throttle;
}

TEST(ParseProcessStat, FindsItsFieldsBehindANameWithParentheses) {
  const auto process = ParseProcessStat(Stat(7, "a) R (b", 3, 100, 20, 12345));
  ASSERT_TRUE(process.has_value());
  EXPECT_EQ(process->name, "a) R (b");
  EXPECT_EQ(process->parent, 3);
  EXPECT_EQ(process->ticks, 120u);
  EXPECT_EQ(process->started_at, 12345u);
  for (const char* text : {"", "7", "7 (x", "7 (x)", "7 (x) R 1 2"}) {
    EXPECT_FALSE(ParseProcessStat(text).has_value()) << text;
  }
}

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    proc_.Write("loadavg", "1.50 1.00 0.50 2/300 4711");
    SetSwap(1000, 1000, 0);
    proc_.Write("self/stat", "no pid");
  }
  void SetSwap(int total_kib, int free_kib, int pages) {
    proc_.Write("meminfo", fmt::format("MemTotal: 9 kB\nSwapTotal:   {} kB\nSwapFree:    {} kB",
                                       total_kib, free_kib));
    proc_.Write("vmstat", fmt::format("pgpgin 5\npswpin {}\npswpout 0", pages));
  }
  void SetTicks(int pid, const std::string& name, int parent, uint64_t ticks, uint64_t start = 5) {
    proc_.Write(fmt::format("{}/stat", pid), Stat(pid, name, parent, ticks, 0, start));
  }
  LoadSample Now(double s) { return SampleLoad(proc_.root(), MonotonicTime{} + Seconds(s)); }
  static std::vector<std::string> Found(const LoadSample& before, const LoadSample& after,
                                        const std::string& job = "") {
    v1::Diagnosis diagnosis;
    FindLoad(before, after, job, diagnosis);
    return Lines(diagnosis);
  }

  FakeSysfs proc_;
  const uint64_t second_ = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
};

TEST_F(LoadTest, CountsOthersAndNeitherThisProcessNorWhatItStartedNorClients) {
  SetTicks(getpid(), "synergyd", 1, 0);
  SetTicks(1000001, "synergy-worker", getpid(), 0);
  SetTicks(1000002, "sh", 1000001, 0);
  SetTicks(1000003, "make", 1, 100);
  SetTicks(1000004, "synergyctl", 1, 0);
  const LoadSample before = Now(1);
  for (const auto& [pid, name, parent] :
       {std::tuple(getpid(), "synergyd", 1), std::tuple(1000001, "synergy-worker", getpid()),
        std::tuple(1000002, "sh", 1000001), std::tuple(1000004, "synergyctl", 1)}) {
    SetTicks(pid, name, parent, second_);
  }
  SetTicks(1000003, "make", 1, 100 + second_ / 4);
  const auto users = CpuUsers(before, Now(1.5), getpid(), static_cast<double>(second_));
  ASSERT_EQ(users.size(), 1u);
  EXPECT_EQ(users[0].name, "make");
  EXPECT_NEAR(users[0].share, 0.5, 0.01);
}

TEST_F(LoadTest, AProcessThatBeganMeanwhileCountsFromItsBegin) {
  SetTicks(1000003, "old", 1, 5000, 5);
  const LoadSample before = Now(1);
  SetTicks(1000003, "new", 1, second_ / 2, 6);  // the pid was given again
  const auto users = CpuUsers(before, Now(2), getpid(), static_cast<double>(second_));
  ASSERT_EQ(users.size(), 1u);
  EXPECT_NEAR(users[0].share, 0.5, 0.01);
}

TEST_F(LoadTest, AQuietMachineIsGood) {
  EXPECT_THAT(Found(Now(1), Now(1.5)), Each(StartsWith("good load")));
  EXPECT_THAT(Found(Now(1), Now(1.5)),
              Contains(HasSubstr("load average 1.50; other programs take 0 %")));
}

TEST_F(LoadTest, ABusyProgramIsNamed) {
  SetTicks(1000003, "make", 1, 0);
  const LoadSample before = Now(1);
  SetTicks(1000003, "make", 1, second_);
  EXPECT_THAT(Found(before, Now(2)),
              Contains(AllOf(StartsWith("LIMITED load"), HasSubstr("make (pid 1000003) 100 %"),
                             HasSubstr("top"))));
}

TEST_F(LoadTest, AJobThatRunsIsTold) {
  EXPECT_THAT(Found(Now(1), Now(1.5), "20250101-1"),
              Contains(HasSubstr("run 20250101-1 is under way")));
}

TEST_F(LoadTest, SwapInUseIsToldAndSwappingIsLimited) {
  SetSwap(2048 * 1024, 1024 * 1024, 7);
  const LoadSample before = Now(1);
  EXPECT_THAT(Found(before, Now(1.5)), Contains(StartsWith("good load: 1024 MiB of swap in use")));
  SetSwap(2048 * 1024, 1024 * 1024, 10);
  EXPECT_THAT(Found(before, Now(1.5)),
              Contains(AllOf(StartsWith("LIMITED load: the machine swaps: 3 pages"))));
  SetSwap(0, 0, 0);
  EXPECT_THAT(Found(Now(1), Now(1.5)), Contains(StartsWith("good load: no swap")));
}

TEST_F(LoadTest, ThrottlingIsAStateAboveZeroOrACounterThatCounts) {
  LoadSample before = Now(1), after = Now(1.5);
  after.hottest_c = 61.5;
  before.throttles = {Throttle("cooling thermal-cpufreq-0 1", 0), Throttle("cpu0 core", 17)};
  EXPECT_THAT(Found(before, after), Contains(StartsWith("good load: not throttled, 61.5 C")));
  after.throttles = {Throttle("cpu0 core", 18)};
  EXPECT_THAT(Found(before, after),
              Contains(AllOf(StartsWith("LIMITED load: throttled now"), HasSubstr("cpu0 core"))));
  after.throttles.clear();
  before.throttles[0].set_value(3);
  EXPECT_THAT(Found(before, after), Contains(HasSubstr("cooling thermal-cpufreq-0 1")));
  after.throttles = {Throttle("cooling thermal-cpufreq-0 1", 0)};  // it has ended meanwhile
  EXPECT_THAT(Found(before, after), Not(Contains(HasSubstr("throttled now"))));
}

}  // namespace
}  // namespace synergy
