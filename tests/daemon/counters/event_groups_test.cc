#include "daemon/counters/event_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <thread>

#include "tests/daemon/counters/fake_perf.h"

namespace synergy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kNoRoot[] = "/nowhere";  // a machine that names nothing

absl::StatusOr<EventGroups> Plan(const std::vector<std::string>& names, PerfKernel& kernel) {
  return PlanEventGroups(EventCatalog::Read(kNoRoot, {0}).value(), names, "2", kernel);
}
std::string Refused(int error, const char* name = "r1") {
  FakePerf kernel;
  kernel.refused[1] = error;
  const auto groups = Plan({name}, kernel);
  EXPECT_FALSE(groups.ok());
  return groups.status().ToString();
}

TEST(EventGroups, AGroupIsAsLargeAsTheCountersTake) {
  FakePerf kernel;
  const auto groups = Plan({"r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"}, kernel);
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_THAT(groups->sizes, ElementsAre(4u, 4u, 1u));
}

TEST(EventGroups, WhatOthersKeepOfTheCountersMakesGroupsSmaller) {
  FakePerf kernel;
  kernel.taken = 1;
  EXPECT_THAT(Plan({"r1", "r2", "r3", "r4"}, kernel)->sizes, ElementsAre(3u, 1u));
  kernel.taken = 4;
  const absl::Status none = Plan({"r1"}, kernel).status();
  EXPECT_THAT(none.ToString(), AllOf(HasSubstr("r1 cannot be counted"), HasSubstr("a watchdog")));
}

TEST(EventGroups, EachRefusalHasItsLine) {
  EXPECT_THAT(Refused(ENOENT), AllOf(HasSubstr("r1 cannot be counted: this kernel sees no such"),
                                     HasSubstr("measure on the board itself")));
  EXPECT_THAT(Refused(EACCES),
              AllOf(HasSubstr("PERMISSION_DENIED"), HasSubstr("kernel.perf_event_paranoid is 2"),
                    HasSubstr("start synergyd as root")));
  EXPECT_THAT(Refused(EINVAL), AllOf(HasSubstr("no such event, or its unit counts the whole"),
                                     HasSubstr("choose another event")));
  EXPECT_THAT(Refused(ENOSYS), HasSubstr("CONFIG_PERF_EVENTS"));
}

TEST(EventGroups, AreCheckedAloneBeforeTheyAreCounted) {
  const EventCatalog catalog = EventCatalog::Read(kNoRoot, {0}).value();
  FakePerf kernel;
  const std::vector<std::string> many = {"r1", "r2", "r3", "r4", "r5"};
  EXPECT_TRUE(CheckEvents(catalog, many, "2", kernel).ok());
  kernel.refused[4] = EBUSY;
  EXPECT_TRUE(CheckEvents(catalog, many, "2", kernel).ok()) << "others may end until then";
  kernel.refused[4] = ENOENT;
  EXPECT_THAT(CheckEvents(catalog, many, "2", kernel).ToString(),
              HasSubstr("FAILED_PRECONDITION: r4 cannot be counted"));
  EXPECT_THAT(CheckEvents(catalog, {"r1", "task-clok"}, "2", kernel).ToString(),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("did you mean task-clock?")));
}

TEST(EventGroups, EveryThreadHasEveryGroupUnderALeaderOfItsOwn) {
  FakePerf kernel;
  kernel.counters = 2;
  const EventGroups groups = Plan({"r1", "r2", "r3"}, kernel).value();
  kernel.opened.clear();
  kernel.ended = {12};
  const auto opened = OpenEvents(groups, {11, 12, 13}, "2", kernel);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_THAT(opened->threads, ElementsAre(11, 13)) << "one has ended";
  ASSERT_EQ(opened->fds.size(), 6u);
  ASSERT_EQ(kernel.opened.size(), 6u);
  EXPECT_EQ(kernel.opened[1].leader, opened->fds[0].get());
  EXPECT_EQ(kernel.opened[2].leader, -1) << "of the second group";
  EXPECT_EQ(kernel.opened[4].leader, opened->fds[3].get());
  EXPECT_EQ(kernel.opened[4].thread, 13);
}

TEST(EventGroups, WhatTheKernelRefusesOfAThreadIsNotLeftOut) {
  FakePerf kernel;
  const EventGroups groups = Plan({"r1"}, kernel).value();
  kernel.refused[1] = EACCES;
  EXPECT_TRUE(absl::IsPermissionDenied(OpenEvents(groups, {11}, "3", kernel).status()));
}

TEST(EventGroups, AThreadOfAProcessIsAmongItsThreads) {
  pid_t other = 0;
  std::thread([&] {
    other = gettid();
    EXPECT_THAT(ThreadsOf(getpid()), testing::IsSupersetOf({getpid(), gettid()}));
  }).join();
  EXPECT_NE(other, 0);
  EXPECT_THAT(ThreadsOf(1 << 30), testing::IsEmpty());
}

// The kernel's own events are there on every machine.
TEST(EventGroups, TheRealKernelCountsItsOwnEvents) {
  auto groups = Plan({"task-clock", "page-faults"}, RealPerfKernel());
  if (absl::IsPermissionDenied(groups.status())) GTEST_SKIP() << groups.status();
  ASSERT_TRUE(groups.ok()) << groups.status();
  EXPECT_THAT(groups->sizes, ElementsAre(2u));
  const auto opened = OpenEvents(*groups, {gettid()}, "?", RealPerfKernel());
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_EQ(opened->fds.size(), 2u);
  ASSERT_EQ(ioctl(opened->fds[0].get(), PERF_EVENT_IOC_ENABLE, 0), 0);
  uint64_t group[5] = {};
  ASSERT_EQ(read(opened->fds[0].get(), group, sizeof(group)), ssize_t{sizeof(group)});
  EXPECT_EQ(group[0], 2u);
  EXPECT_GT(group[1], 0u);
  EXPECT_EQ(group[1], group[2]);
}

}  // namespace
}  // namespace synergy
