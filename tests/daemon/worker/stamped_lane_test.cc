// The clock of the markers, and what is promised of the path of every operator.
#include "daemon/worker/stamped_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>

#include "common/marker_ring_reader.h"
#include "common/unique_fd.h"
#include "tests/support/allocation_count.h"

namespace synergy {
namespace {

constexpr uint8_t kMeasure = 4;

class StampedLaneTest : public testing::Test {
 protected:
  StampedLane Claim(bool use_counter) { return {writer_.Claim(), TickClock(use_counter)}; }

  // Writes markers until `span_ns` have passed; the ring is drained meanwhile. All of them.
  std::vector<Marker> WriteFor(StampedLane* lane, int64_t span_ns) {
    std::vector<Marker> markers;
    const int64_t end = MonotonicNs() + span_ns;
    for (uint32_t op = 0; MonotonicNs() < end; ++op) {
      lane->Begin(op, 0, kMeasure);
      lane->End();
      if (op % 1000 == 0) {
        EXPECT_TRUE(reader_.DrainUntrusted(&markers).ok());
      }
    }
    EXPECT_TRUE(reader_.DrainUntrusted(&markers).ok());
    EXPECT_EQ(*reader_.Dropped(), 0u);
    return markers;
  }

  const RingGeometry geometry_{.lanes = 4, .capacity = 1u << 14};
  UniqueFd fd_{*CreateMarkerRing(geometry_)};
  MarkerRingWriter writer_{*MarkerRingWriter::Map(fd_.get())};
  MarkerRingReader reader_{fd_.get(), geometry_};
};

TEST_F(StampedLaneTest, StampsAreBetweenTheClocksBeforeAndAfter) {
  // A stamp may be off by what the calibration is (some 200 ns) and by what runs out of order
  // around it; a microsecond is far from both and from everything that is measured.
  constexpr int64_t kSlackNs = 1000;
  for (const bool use_counter : {false, CounterIsTrusted()}) {
    StampedLane lane = Claim(use_counter);
    const int64_t end = MonotonicNs() + 700'000'000;
    int64_t worst = 0;
    while (MonotonicNs() < end) {
      const int64_t before = MonotonicNs();
      const int64_t stamp = lane.Now();
      const int64_t after = MonotonicNs();
      worst = std::max({worst, before - stamp, stamp - after});
    }
    EXPECT_LE(worst, kSlackNs) << (use_counter ? "by the counter" : "by clock_gettime");
    EXPECT_EQ(lane.clock().uses_counter(), use_counter);
  }
}

TEST_F(StampedLaneTest, StampsNeverGoBackwards) {
  StampedLane lane = Claim(CounterIsTrusted());
  int64_t last = 0;
  for (const Marker& m : WriteFor(&lane, 100'000'000)) {
    if (m.op == kOpClock) continue;
    ASSERT_GE(m.begin_ns, last);
    ASSERT_GE(m.end_ns, m.begin_ns);
    last = m.end_ns;
  }
}

TEST_F(StampedLaneTest, RecordsACalibrationAtLeastEverySecond) {
  if (!CounterIsTrusted()) GTEST_SKIP() << "stamps by clock_gettime need no calibration";
  StampedLane lane = Claim(true);
  WriteFor(&lane, 20'000'000);
  const int64_t begin = MonotonicNs();
  lane.Calibrate(kMeasure);
  int64_t last = begin;
  size_t calibrations = 0;
  // By the stamps themselves, so that a machine that lets this thread wait does not matter.
  for (const Marker& m : WriteFor(&lane, 1'600'000'000)) {
    EXPECT_LE(m.end_ns - last, 1'000'000'000);
    if (m.op != kOpClock) continue;
    EXPECT_LT(m.end_ns - m.begin_ns, TickClock::kMaxErrorNs) << "how far the counter had gone";
    EXPECT_EQ(m.phase, kMeasure);
    last = m.end_ns;
    ++calibrations;
  }
  EXPECT_GT(calibrations, 0u);
}

TEST_F(StampedLaneTest, AllocatesNothing) {
  StampedLane lane = Claim(CounterIsTrusted());
  const int64_t before = AllocationCount();
  for (uint32_t op = 0; op < 20'000; ++op) {  // the ring fills up on the way
    lane.Begin(op, 0, kMeasure);
    lane.End();
  }
  lane.Calibrate(kMeasure);
  EXPECT_EQ(AllocationCount() - before, 0);
  EXPECT_GT(*reader_.Dropped(), 0u);
}

// From now on every system call but exit kills this process. (Not seccomp's strict mode, which
// forbids reading the counter too.)
bool ForbidSystemCalls() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(StampedLaneTest, MakesNoSystemCall) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer makes system calls of its own";
#endif
  if (!CounterIsTrusted()) GTEST_SKIP() << "this kernel's clock_gettime may be a system call";
  for (const bool use_counter : {false, true}) {
    StampedLane lane = Claim(use_counter);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (!ForbidSystemCalls()) syscall(SYS_exit, 77);
      for (uint32_t op = 0; op < 50'000; ++op) {  // calibrates meanwhile, fills the ring, drops
        lane.Begin(op, 0, kMeasure);
        lane.End();
      }
      lane.Calibrate(kMeasure);
      syscall(SYS_exit, 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here";
    EXPECT_EQ(status, 0) << "killed by a system call";
  }
}

}  // namespace
}  // namespace synergy
