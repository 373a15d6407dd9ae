// Bar: the sampler at 1 kHz on the three rails of the SIMULATED Jetson TX1, recording to a spool
// and to the telemetry ring as synergyd does. What it costs, which rate it achieves and what it
// misses: on an idle machine, with a busy process on another CPU, and with one on the sampler's own
// CPU.
//
// Fails where records were lost between sensor and spool, where a missed tick is in no gap of the
// spool, and where a machine without other load achieves less than 90 % of the rate. The figures
// under load are stated as they are.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/run_data.h"
#include "daemon/power/board.h"
#include "daemon/sampling/run_recorder.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/telemetry.h"

extern char** environ;

namespace synergy {
namespace {

constexpr double kRateHz = 1000;
constexpr double kLeastAchieved = 0.9;  // of kRateHz, without load
constexpr int kSamplerCpu = 0;

int CpuCount() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// The busy process: this program again, with --spin.
[[noreturn]] void Spin(int cpu) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  PinTo(cpu);
  volatile bool go_on = true;
  while (go_on) {
  }
  std::abort();
}

class BusyProcess {
 public:
  explicit BusyProcess(int cpu) {
    std::string self = "/proc/self/exe", flag = "--spin", number = std::to_string(cpu);
    char* argv[] = {self.data(), flag.data(), number.data(), nullptr};
    if (posix_spawn(&pid_, self.c_str(), nullptr, nullptr, argv, environ) != 0) pid_ = -1;
  }
  ~BusyProcess() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  BusyProcess(const BusyProcess&) = delete;
  BusyProcess& operator=(const BusyProcess&) = delete;
  bool ok() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
};

double ProcessCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// CPU time of the threads that are named "sampler": the first number of their schedstat, in ns.
double SamplerCpuSeconds() {
  double seconds = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    int64_t cpu_ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    if (name == "sampler" && std::ifstream(task.path() / "schedstat") >> cpu_ns) {
      seconds += static_cast<double>(cpu_ns) * 1e-9;
    }
  }
  return seconds;
}

// Time between two reads of one channel.
struct Spacing {
  double p99_ms = 0, worst_ms = 0;
};

Spacing SpacingOf(const std::vector<Reading>& readings) {
  std::vector<double> gaps_ms;
  for (size_t i = 1; i < readings.size(); ++i) {
    gaps_ms.push_back(static_cast<double>(readings[i].begin_ns - readings[i - 1].begin_ns) * 1e-6);
  }
  if (gaps_ms.empty()) return {};
  std::sort(gaps_ms.begin(), gaps_ms.end());
  return {gaps_ms[gaps_ms.size() * 99 / 100], gaps_ms.back()};
}

struct Figures {
  double seconds = 0, sampler_cpu = 0, process_cpu = 0;
  v1::SourceStats stats;
  Spacing spacing;
  uint64_t readings = 0, dropped = 0, lost = 0;
  uint64_t missed = 0, missed_in_gaps = 0;  // from the sampler's start to its end
};

absl::StatusOr<RunData> ReadSpool(const std::string& path) {
  SpoolReader reader(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  RunData data;
  v1::Chunk chunk;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok()) return more.status();
    if (!*more) return data;
    if (absl::Status status = data.Add(chunk); !status.ok()) return status;
  }
}

absl::StatusOr<Figures> Measure(double seconds, const std::string& spool_path) {
  Clock& clock = RealClock();
  absl::StatusOr<Board> board = OpenBoard("sim:jetson-tx1", 1, clock);
  if (!board.ok()) return board.status();
  Sampler sampler(std::move(board->sources), clock);
  if (absl::Status status = sampler.SetAffinity({kSamplerCpu}); !status.ok()) return status;
  if (absl::Status status = sampler.SetRate(kRateHz); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Telemetry>> telemetry = Telemetry::Create(board->info, sampler);
  if (!telemetry.ok()) return telemetry.status();
  absl::StatusOr<std::unique_ptr<RunSpool>> spool = RunSpool::Create(spool_path);
  if (!spool.ok()) return spool.status();
  v1::RunHeader header;
  *header.mutable_board() = board->info;
  auto recorder = RunRecorder::Start(header, sampler, *std::move(spool));
  if (!recorder.ok()) return recorder.status();
  sampler.AddSink(telemetry->get());
  sampler.AddSink(recorder->get());

  sampler.Start();
  for (const std::string& note : sampler.notes()) fmt::print(stderr, "note: {}\n", note);
  const double sampler_cpu = SamplerCpuSeconds(), process_cpu = ProcessCpuSeconds();
  const uint64_t missed_before = sampler.TakeStats().front().missed();
  const MonotonicTime begin = clock.Now();
  clock.SleepUntil(begin + Seconds(seconds));
  Figures f;
  f.seconds = (clock.Now() - begin).seconds();
  f.stats = sampler.TakeStats().front();
  f.sampler_cpu = (SamplerCpuSeconds() - sampler_cpu) / f.seconds;
  f.process_cpu = (ProcessCpuSeconds() - process_cpu) / f.seconds;
  sampler.Stop();
  f.missed = missed_before + f.stats.missed() + sampler.TakeStats().front().missed();
  sampler.RemoveSink(recorder->get());
  if (absl::Status status = (*recorder)->Finish({}); !status.ok()) return status;

  const absl::StatusOr<RunData> data = ReadSpool(spool_path);
  if (!data.ok()) return data.status();
  f.dropped = (*recorder)->dropped();
  f.lost = data->lost().size();
  for (const v1::Gap& gap : data->gaps()) {
    if (gap.cause() == v1::Gap::CAUSE_MISSED_TICK) f.missed_in_gaps += gap.count();
  }
  for (const auto& [channel, readings] : data->readings()) f.readings += readings.size();
  f.spacing = SpacingOf(data->readings().begin()->second);
  return f;
}

void PrintHeader(double seconds) {
  fmt::print("sampler, SIMULATED Jetson TX1, {:.0f} Hz x 3 rails, {:.0f} s each, {} CPUs\n",
             kRateHz, seconds, CpuCount());
  fmt::print("{:<26} {:>12} {:>12} {:>10} {:>9} {:>8} {:>7} {:>9} {:>10}\n", "load", "sampler CPU",
             "process CPU", "achieved", "fresh", "missed", "failed", "p99 step", "worst step");
}

// False where it breaks a limit, with a line that says which.
bool Print(const std::string& load, const Figures& f) {
  fmt::print(
      "{:<26} {:>11.2f}% {:>11.2f}% {:>7.1f} Hz {:>6.1f} Hz {:>8} {:>7} {:>6.2f} ms {:>7.2f} ms\n",
      load, 100 * f.sampler_cpu, 100 * f.process_cpu, f.stats.achieved_hz(), f.stats.fresh_hz(),
      f.stats.missed(), f.stats.failed(), f.spacing.p99_ms, f.spacing.worst_ms);
  const uint64_t taken = f.stats.ticks() - f.stats.missed() - f.stats.failed();
  bool ok = true;
  if (f.dropped > 0 || f.lost > 0 || taken == 0 || f.readings < 3 * taken) {
    fmt::print("FAILED: {} readings in the spool of {} ticks, {} dropped, {} holes\n", f.readings,
               taken, f.dropped, f.lost);
    ok = false;
  }
  if (f.missed != f.missed_in_gaps) {
    fmt::print("FAILED: {} ticks missed, {} of them told in gaps\n", f.missed, f.missed_in_gaps);
    ok = false;
  }
  if (load == "none" && f.stats.achieved_hz() < kLeastAchieved * kRateHz) {
    fmt::print("FAILED: less than {} Hz achieved without load\n", kLeastAchieved * kRateHz);
    ok = false;
  }
  return ok;
}

int Run(double seconds, const std::vector<std::string>& loads) {
  std::string folder = std::filesystem::temp_directory_path() / "sampler_bench_XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    fmt::print(stderr, "sampler_bench: cannot create {}\n", folder);
    return 1;
  }
  PrintHeader(seconds);
  bool ok = true;
  for (const std::string& load : loads) {
    const int busy_cpu = load == "same" ? kSamplerCpu : 1;
    if (load == "other" && CpuCount() < 2) {
      fmt::print("{:<26} this machine has one CPU\n", "busy process, other CPU");
      continue;
    }
    std::optional<BusyProcess> busy;
    if (load != "none") busy.emplace(busy_cpu);
    if (busy && !busy->ok()) return fmt::print(stderr, "sampler_bench: cannot spawn\n"), 1;
    const absl::StatusOr<Figures> figures = Measure(seconds, folder + "/" + load + ".spool");
    if (!figures.ok()) {
      fmt::print(stderr, "sampler_bench: {}\n", figures.status().ToString());
      ok = false;
      break;
    }
    ok &= Print(load == "none" ? "none" : fmt::format("busy process, {} CPU", load), *figures);
  }
  std::filesystem::remove_all(folder);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  CLI::App app("Cost, rate and misses of the sampler on the simulated board");
  double seconds = 60;
  int spin = -1;
  std::string load = "all";
  app.add_option("--seconds", seconds, "length of each measurement")
      ->check(CLI::Range(0.1, 3600.0));
  app.add_option("--load", load, "a busy process: on which CPU, seen from the sampler's")
      ->check(CLI::IsMember({"all", "none", "other", "same"}));
  app.add_option("--spin", spin, "be the busy process of this CPU")->group("");
  CLI11_PARSE(app, argc, argv);
  if (spin >= 0) synergy::Spin(spin);
  return synergy::Run(seconds, load == "all" ? std::vector<std::string>{"none", "other", "same"}
                                             : std::vector<std::string>{load});
}
