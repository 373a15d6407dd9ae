#include "daemon/diagnosis/machine_facts.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <thread>

#include "common/files.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

constexpr int kLoop = 100'000;    // steps that hardware events are counted over: some 0.1 ms
constexpr int kClockReads = 200;  // in a row, so that a read is longer than the clock's step
constexpr int kClockRounds = 20;

double SecondsOf(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

EventCount Count(uint64_t event) {
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof(attributes);
  attributes.config = event;
  attributes.disabled = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  // There is no wrapper in libc.
  const UniqueFd counter(
      static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  EventCount result;
  if (!counter.ok()) {
    result.error = errno;
    return result;
  }
  ioctl(counter.get(), PERF_EVENT_IOC_ENABLE, 0);
  for (volatile int i = 0; i < kLoop;) i = i + 1;
  ioctl(counter.get(), PERF_EVENT_IOC_DISABLE, 0);
  if (read(counter.get(), &result.count, sizeof(result.count)) != sizeof(result.count)) {
    result.count = 0;
  }
  return result;
}

// A thread of its own asks for itself: this one stays as it is.
int AskForRealTime() {
  int error = 0;
  std::thread([&error] {
    const sched_param priority{.sched_priority = 1};
    error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority);
  }).join();
  return error;
}

uint64_t EffectiveCapabilities() {
  constexpr std::string_view kLine = "CapEff:\t";
  const std::string status = ReadFile("/proc/self/status", 64 << 10).value_or("");
  const size_t at = status.find(kLine);
  uint64_t bits = 0;
  if (at == std::string::npos) return 0;
  std::from_chars(status.data() + at + kLine.size(), status.data() + status.size(), bits, 16);
  return bits;
}

double ClockReadSeconds() {
  double best = 1;
  for (int round = 0; round < kClockRounds; ++round) {
    timespec now = {};
    const double begin = SecondsOf(CLOCK_MONOTONIC);
    for (int i = 0; i < kClockReads; ++i) clock_gettime(CLOCK_MONOTONIC, &now);
    best = std::min(best, (SecondsOf(CLOCK_MONOTONIC) - begin) / kClockReads);
  }
  return best;
}

}  // namespace

MachineFacts AskMachine(const std::string& sysfs, const std::string& state_dir) {
  MachineFacts facts;
  facts.root = geteuid() == 0;
  facts.capabilities = EffectiveCapabilities();
  facts.real_time_error = AskForRealTime();
  struct statvfs disk = {};
  facts.sysfs_read_only = statvfs(sysfs.c_str(), &disk) == 0 && (disk.f_flag & ST_RDONLY) != 0;
  if (statvfs(state_dir.c_str(), &disk) == 0) {
    facts.state_free_bytes = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  }
  facts.cycles = Count(PERF_COUNT_HW_CPU_CYCLES);
  facts.instructions = Count(PERF_COUNT_HW_INSTRUCTIONS);
  facts.clock_read_s = ClockReadSeconds();
  timespec resolution = {};
  clock_getres(CLOCK_MONOTONIC, &resolution);
  facts.clock_resolution_s =
      static_cast<double>(resolution.tv_sec) + 1e-9 * static_cast<double>(resolution.tv_nsec);
  // Two reads, one after the other: what lies between them is no suspension.
  const double monotonic = SecondsOf(CLOCK_MONOTONIC);
  facts.suspended_s = std::max(0.0, SecondsOf(CLOCK_BOOTTIME) - monotonic);
  return facts;
}

}  // namespace synergy
