#include "daemon/jobs/process_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fmt/format.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {
namespace {

TEST(ProcessUsage, AddsUpTheVoluntarySwitchesOfAllThreads) {
  FakeSysfs proc;
  const std::string self = fmt::format("{}", getpid());
  proc.Write(self + "/task/100/status",
             "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t7");
  proc.Write(self + "/task/101/status", "voluntary_ctxt_switches:\t25");
  proc.Write(self + "/io", "rchar: 323934931\nwchar: 323929600");
  const std::optional<ProcessUsage> usage = UsageOf(getpid(), proc.root());
  ASSERT_TRUE(usage.has_value());
  EXPECT_EQ(usage->pid, getpid());
  EXPECT_EQ(usage->wakeups, 175u);
  EXPECT_EQ(usage->bytes_read, 323934931u);
  EXPECT_GT(usage->cpu_s, 0);
}

TEST(ProcessUsage, IsNothingWithoutAProcess) {
  constexpr pid_t kNoPid = (1 << 22) + 1;  // above the highest that there can be
  EXPECT_FALSE(UsageOf(kNoPid, "/proc").has_value());
}

TEST(ProcessUsage, SeesThisProcessAsItSeesItself) {
  const ProcessUsage own = OwnUsage();
  const std::optional<ProcessUsage> seen = UsageOf(getpid(), "/proc");
  ASSERT_TRUE(seen.has_value());
  EXPECT_GE(seen->cpu_s, own.cpu_s - 0.02);  // getrusage may count in ticks
}

TEST(NumberOfLine, TakesTheWholeKey) {
  const char* text = "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t150\n";
  EXPECT_EQ(NumberOfLine(text, "voluntary_ctxt_switches"), 150u);
  EXPECT_EQ(NumberOfLine(text, "voluntary"), 0u);
  EXPECT_EQ(NumberOfLine("", "rchar"), 0u);
  EXPECT_EQ(NumberOfLine("pswpin 12\npswpout 3\n", "pswpout"), 3u);
}

}  // namespace
}  // namespace synergy
