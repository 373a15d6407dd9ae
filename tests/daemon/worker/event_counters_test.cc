#include "daemon/worker/event_counters.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "tests/daemon/worker/kernel_counters.h"

namespace synergy {
namespace {

TEST(EventCounters, CountsWhatHappensBetweenTwoReads) {
  const auto counters = OpenKernelCounters({2}, {"task-clock", "minor-faults"}, false, {gettid()});
  if (counters == nullptr) GTEST_SKIP() << "perf_event_open is not allowed here";
  counters->Turn(0);
  CounterValues before, after;
  ASSERT_TRUE(counters->Read(&before));
  TouchPages();
  ASSERT_TRUE(counters->Read(&after));
  EXPECT_GE(after.counts[1] - before.counts[1], kTouchedPages);
  EXPECT_LT(after.counts[1] - before.counts[1], 2 * kTouchedPages);
  EXPECT_GT(after.counts[0], before.counts[0]) << "ns";
  EXPECT_EQ(after.enabled_ns - before.enabled_ns, after.running_ns - before.running_ns);
}

TEST(EventCounters, GroupsTakeTurnsAndOnlyThePresentOneCounts) {
  const auto counters =
      OpenKernelCounters({1, 2}, {"minor-faults", "task-clock", "page-faults"}, false, {gettid()});
  if (counters == nullptr) GTEST_SKIP() << "perf_event_open is not allowed here";
  CounterValues first_before, first_after, second;
  counters->Turn(0);
  EXPECT_EQ(counters->first_event(), 0u);
  ASSERT_TRUE(counters->Read(&first_before));
  counters->Turn(1);
  EXPECT_EQ(counters->first_event(), 1u);
  EXPECT_EQ(counters->events(), 2u);
  TouchPages();
  ASSERT_TRUE(counters->Read(&second));
  EXPECT_GE(second.counts[1], kTouchedPages);
  counters->Turn(2);
  ASSERT_TRUE(counters->Read(&first_after));
  EXPECT_LT(first_after.counts[0] - first_before.counts[0], kTouchedPages) << "it was not on";
}

TEST(EventCounters, SumsOverThreadsWhereOperatorsUseThemAll) {
  pid_t other = 0;
  std::unique_ptr<EventCounters> all, own;
  CounterValues of_all, of_own;
  std::jthread worker([&] {
    other = gettid();
    all = OpenKernelCounters({1}, {"minor-faults"}, true, {getpid(), other});
    own = OpenKernelCounters({1}, {"minor-faults"}, false, {getpid()});
    if (all == nullptr || own == nullptr) return;
    all->Turn(0);
    own->Turn(0);
    TouchPages();
    EXPECT_FALSE(own->Read(&of_own)) << "this thread has no counters";
    EXPECT_TRUE(all->Read(&of_all));
  });
  worker.join();
  if (all == nullptr || own == nullptr) GTEST_SKIP() << "perf_event_open is not allowed here";
  EXPECT_GE(of_all.counts[0], kTouchedPages);
  ASSERT_TRUE(own->Read(&of_own));
  EXPECT_LT(of_own.counts[0], kTouchedPages);
}

TEST(EventCounters, DescriptorsThatAreNoGroupsAreRefused) {
  v1::WorkerCommand::Count count;
  count.add_group_events(1);
  count.add_threads(gettid());
  std::vector<UniqueFd> fds;
  fds.emplace_back(open("/dev/zero", O_RDONLY));
  EXPECT_TRUE(absl::IsInvalidArgument(EventCounters::Make(count, std::move(fds), true).status()));
}

TEST(EventCounters, SaysWhatReadingCosts) {
  const auto counters =
      OpenKernelCounters({1, 1}, {"minor-faults", "task-clock"}, false, {gettid()});
  if (counters == nullptr) GTEST_SKIP() << "perf_event_open is not allowed here";
  const v1::WorkerEvent::Counting counting = MeasureCounting(*counters);
  EXPECT_FALSE(counting.by_mapping()) << "the kernel's own events are read by calls";
  EXPECT_GT(counting.marker_s(), 0);
  EXPECT_GT(counting.counted_marker_s(), counting.marker_s());
  EXPECT_LT(counting.counted_marker_s(), 1e-3);
  ASSERT_EQ(counting.empty_counts_size(), 2);
  EXPECT_LT(counting.empty_counts(0), 1);
  EXPECT_EQ(counters->first_event(), 0u) << "the first iteration's group is on";
}

}  // namespace
}  // namespace synergy
