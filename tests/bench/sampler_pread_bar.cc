// Bar: what the sampler costs beyond the reads themselves. The real Sampler reads an INA3221 as the
// kernel's hwmon driver shows it, in a tree of plain files that stay open: three currents a
// millisecond, and each voltage ten times a second. A bare loop of clock_nanosleep and pread reads
// the same files at the same rate. They take turns, each on the same CPU, and the CPU time of each
// one's thread is taken from the kernel; with real-time priority, where it is permitted, and
// without.
//
// Fails where the median of the turns has the sampler take more than 1 % of a core beyond the loop.
// Turns of less than 3 s differ by more than that on a machine that does anything else: of those it
// fails where their sign test says with 99 % that the median is beyond.
// The lateness of both is stated: how long after its deadline a tick's first read began.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/unique_fd.h"
#include "daemon/power/hwmon_ina3221_source.h"
#include "daemon/sampling/sampler.h"
#include "tests/daemon/power/fake_ina3221_hwmon.h"

namespace synergy {
namespace {

constexpr double kRateHz = 1000;
constexpr int64_t kPeriodNs = 1'000'000;
constexpr double kMostBeyond = 0.01;  // of a core
constexpr double kSteadyTurnS = 3;
constexpr int kCpu = 0;
constexpr int kTicksAVoltage = 33;  // ten times a second each

double Seconds(const timespec& t) {
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Turn {
  double cpu = 0;  // of a core
  std::vector<int64_t> late_ns = {};
};

// Of the sampling thread, whose name is "sampler".
struct SamplingThread {
  pid_t id = 0;
  double cpu_s = 0;
};
SamplingThread FindSamplingThread() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    int64_t cpu_ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    if (name != "sampler" || !(std::ifstream(task.path() / "schedstat") >> cpu_ns)) continue;
    return {std::atoi(task.path().filename().c_str()), 1e-9 * static_cast<double>(cpu_ns)};
  }
  return {};
}

bool SetRealTime(pid_t thread, bool on) {
  const sched_param priority{.sched_priority = on ? 1 : 0};
  return sched_setscheduler(thread, on ? SCHED_FIFO : SCHED_OTHER, &priority) == 0;
}

// When each tick's first read began.
class TickSink final : public ReadingSink {
 public:
  explicit TickSink(size_t ticks) { begin_ns_.reserve(ticks); }
  void OnReadings(size_t, const std::vector<ChannelReading>& readings) override {
    if (begin_ns_.size() < begin_ns_.capacity()) {
      begin_ns_.push_back(readings.front().reading.begin_ns);
    }
  }
  void OnGap(size_t, const v1::Gap&) override {}
  const std::vector<int64_t>& begin_ns() const { return begin_ns_; }

 private:
  std::vector<int64_t> begin_ns_;
};

// The grid of deadlines is the latest that no tick came before.
std::vector<int64_t> Lateness(const std::vector<int64_t>& begin_ns) {
  std::vector<int64_t> late;
  if (begin_ns.empty()) return late;
  int64_t origin = begin_ns.front();
  for (const int64_t at : begin_ns) {
    const int64_t ticks = (at - begin_ns.front() + kPeriodNs / 2) / kPeriodNs;
    origin = std::min(origin, at - ticks * kPeriodNs);
  }
  for (const int64_t at : begin_ns) late.push_back((at - origin) % kPeriodNs);
  return late;
}

Turn RunSampler(FakeIna3221Hwmon& chip, double seconds, bool real_time) {
  RailNames names;
  Clock& clock = RealClock();
  auto source = HwmonIna3221Source::Open(chip.tree.root(), ListHwmon(chip.tree.root())[0], {},
                                         names, chip.settings, clock);
  if (!source.ok()) fmt::print("FAILED: {}\n", source.status().ToString()), std::exit(1);
  std::vector<std::unique_ptr<PowerSource>> sources;
  sources.push_back(*std::move(source));
  Sampler sampler(std::move(sources), clock);
  sampler.SetRate(kRateHz).IgnoreError();
  sampler.SetAffinity({kCpu}).IgnoreError();
  TickSink sink(static_cast<size_t>(seconds * kRateHz));
  sampler.AddSink(&sink);
  sampler.Start();
  clock.SleepUntil(clock.Now() + Milliseconds(50));  // its thread has named itself
  const SamplingThread before = FindSamplingThread();
  if (before.id == 0) fmt::print("FAILED: no sampling thread\n"), std::exit(1);
  SetRealTime(before.id, real_time);
  const MonotonicTime begin = clock.Now();
  clock.SleepUntil(begin + synergy::Seconds(seconds));
  const SamplingThread after = FindSamplingThread();
  const double span_s = (clock.Now() - begin).seconds();
  sampler.Stop();
  sampler.RemoveSink(&sink);
  return {.cpu = (after.cpu_s - before.cpu_s) / span_s, .late_ns = Lateness(sink.begin_ns())};
}

// What nobody can do without: sleep until the deadline, and read the files.
Turn RunLoop(const std::vector<std::string>& paths, double seconds, bool real_time) {
  Turn turn;
  std::jthread([&] {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(kCpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
    prctl(PR_SET_TIMERSLACK, 1UL);
    SetRealTime(0, real_time);
    std::vector<UniqueFd> files;
    for (const std::string& path : paths) {
      files.emplace_back(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    timespec cpu_before{}, cpu_after{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_before);
    Clock& clock = RealClock();
    const MonotonicTime begin = clock.Now();
    char buffer[64];
    const auto ticks = static_cast<int64_t>(seconds * kRateHz);
    for (int64_t tick = 1; tick <= ticks; ++tick) {
      const MonotonicTime due = begin + Nanoseconds{kPeriodNs * tick};
      clock.SleepUntil(due);
      turn.late_ns.push_back((clock.Now() - due).count);
      for (size_t i = 0; i < 3; ++i) {
        if (pread(files[i].get(), buffer, sizeof(buffer), 0) <= 0) std::exit(1);
      }
      if (tick % kTicksAVoltage != 0) continue;
      const auto voltage = static_cast<size_t>(3 + tick / kTicksAVoltage % 3);
      if (pread(files[voltage].get(), buffer, sizeof(buffer), 0) <= 0) std::exit(1);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_after);
    turn.cpu = (Seconds(cpu_after) - Seconds(cpu_before)) / (clock.Now() - begin).seconds();
  }).join();
  return turn;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

// Whether so many turns are beyond the bound that, were their median at it, this would happen in at
// most one of 100 cases.
bool IsSurelyBeyond(const std::vector<double>& beyond) {
  const auto turns = static_cast<double>(beyond.size());
  double sum = 0;  // P(at least as many of the turns)
  for (auto k = static_cast<double>(
           std::ranges::count_if(beyond, [](double share) { return share > kMostBeyond; }));
       k <= turns; ++k) {
    sum += std::exp(std::lgamma(turns + 1) - std::lgamma(k + 1) - std::lgamma(turns - k + 1) -
                    turns * std::log(2.0));
  }
  return sum <= 0.01;
}

double P99Us(std::vector<int64_t> late_ns) {
  if (late_ns.empty()) return 0;
  std::ranges::sort(late_ns);
  return 1e-3 * static_cast<double>(late_ns[late_ns.size() * 99 / 100]);
}

bool Compare(FakeIna3221Hwmon& chip, double seconds, int turns, bool real_time) {
  std::vector<std::string> paths;
  for (const char* file :
       {"curr1_input", "curr2_input", "curr3_input", "in1_input", "in2_input", "in3_input"}) {
    paths.push_back(chip.tree.Path(chip.File(file)));
  }
  std::vector<double> sampler_cpu, loop_cpu, beyond;
  std::vector<int64_t> sampler_late, loop_late;
  for (int i = 0; i < turns; ++i) {
    const Turn sampler = RunSampler(chip, seconds, real_time);
    const Turn loop = RunLoop(paths, seconds, real_time);
    sampler_cpu.push_back(sampler.cpu);
    loop_cpu.push_back(loop.cpu);
    beyond.push_back(sampler.cpu - loop.cpu);
    sampler_late.insert(sampler_late.end(), sampler.late_ns.begin(), sampler.late_ns.end());
    loop_late.insert(loop_late.end(), loop.late_ns.begin(), loop.late_ns.end());
  }
  const double median = Median(beyond);
  const bool ok = seconds < kSteadyTurnS ? !IsSurelyBeyond(beyond) : median <= kMostBeyond;
  fmt::print("{:<10} {:>9.2f}% {:>9.2f}% {:>9.2f}% {:>13.1f} us {:>11.1f} us\n",
             real_time ? "real-time" : "normal", 100 * Median(sampler_cpu), 100 * Median(loop_cpu),
             100 * median, P99Us(sampler_late), P99Us(loop_late));
  if (ok) return true;
  fmt::print("FAILED: the sampler takes more than {:.0f} % of a core beyond the loop\n",
             100 * kMostBeyond);
  return false;
}

int Run(double seconds, int turns) {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  fmt::print(
      "sampler and bare loop, {:.0f} Hz x 3 rails of open files, {} turns of {:g} s each; "
      "the machine's load was {:.1f} before\n",
      kRateHz, turns, seconds, load);
  fmt::print("{:<10} {:>10} {:>10} {:>10} {:>16} {:>14}\n", "priority", "sampler", "loop", "beyond",
             "p99 late sampler", "p99 late loop");
  FakeIna3221Hwmon chip;
  bool ok = true;
  for (const bool real_time : {true, false}) {
    const bool permitted = SetRealTime(0, true);
    SetRealTime(0, false);
    if (real_time && !permitted) {
      fmt::print("{:<10} this process may not have it\n", "real-time");
      continue;
    }
    ok &= Compare(chip, seconds, turns, real_time);
  }
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: sampler_pread_bar SECONDS TURNS\n");
    return 2;
  }
  return synergy::Run(std::atof(argv[1]), std::max(1, std::atoi(argv[2])));
}
