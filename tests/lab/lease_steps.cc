// Runs in the lab's guest: processes change this kernel's clocks and a sensor chip under the leases
// that synergyd takes, and each is killed before another of its steps, until none is left that was
// not tried. What they leave is restored by a process that is killed as well, and then to the end.
//
//   lease_steps STATE CPU_KHZ CORES CHIP_FOLDER
//
// CORES: how many stay on. CHIP_FOLDER: the hwmon folder of an INA3221. A step is something that is
// done to a file or to the kernel (tests/support/kill_steps.h). Exit 1 where a setting is not as it
// was, or a journal is left.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/clocks/clock_control.h"
#include "daemon/clocks/frequency_lease.h"
#include "daemon/lease_restorer.h"
#include "tests/support/kill_steps.h"

namespace synergy {
namespace {

struct Task {
  std::string state;
  int64_t khz = 0;
  uint32_t cores = 0;
  std::string chip;
};

[[noreturn]] void Fail(const absl::Status& status) {
  fmt::print(stderr, "{}\n", status.ToString());
  _exit(1);
}

// Takes both leases, changes what they are for, and ends them.
void TakeAndRelease(const Task& task, const RestoreOptions& restore) {
  AttributeFiles& files = KernelFiles();
  ClockControl clocks({.lease_folder = LeaseFolder(task.state), .boot_id = restore.boot_id}, files);
  auto sensors = FrequencyLease::Take({.journal = LeaseFolder(task.state) + "/sensors.journal",
                                       .holder = "lab",
                                       .restore = restore},
                                      files);
  if (!sensors.ok()) Fail(sensors.status());
  for (const auto& [control, value] : {std::pair("/in2_enable", "0"), std::pair("/samples", "4")}) {
    const auto set = (*sensors)->Set(task.chip + control, value);
    if (!set.ok()) Fail(set.status());
  }
  v1::ClockRequest request;
  request.mutable_cpu()->set_khz(task.khz);
  for (uint32_t core = 0; core < task.cores; ++core) request.add_cpus(core);
  auto hold = clocks.Take(request, "lab");
  if (!hold.ok()) Fail(hold.status());
  std::vector<std::string> left = (*hold)->Release();
  if (const RestoreReport report = (*sensors)->Release(); !report.Clean()) {
    for (std::string& line : DescribeReport(report)) left.push_back(std::move(line));
  }
  if (!left.empty()) Fail(absl::InternalError(fmt::format("{}", fmt::join(left, "; "))));
}

void RestoreAll(const Task& task) {
  const RestoredLeases restored = RestoreLeases(task.state, "/sys", KernelFiles());
  for (const std::string& line : restored.lines) {
    if (!restored.clean) fmt::print("{}\n", line);
  }
}

// `work` in a process that is killed before its `step`; false: it had fewer, and is done.
bool KilledAt(long step, const std::function<void()>& work) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    KillAtStep(step);
    work();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) Fail(absl::InternalError("a lease failed"));
  return WIFSIGNALED(status);
}

// Everything that the leases may change, as it reads, and the journals that are left.
std::map<std::string, std::string> Snapshot(const Task& task) {
  AttributeFiles& files = KernelFiles();
  std::map<std::string, std::string> values;
  const auto read = [&](const std::string& path) {
    if (const auto value = files.Read(path); value.ok()) values[path] = *value;
  };
  const std::string cpu = "/sys/devices/system/cpu";
  for (const std::string& core : files.List(cpu)) read(cpu + "/" + core + "/online");
  for (const std::string& policy : files.List(cpu + "/cpufreq")) {
    for (const char* name :
         {"scaling_governor", "scaling_min_freq", "scaling_max_freq", "scaling_setspeed"}) {
      read(cpu + "/cpufreq/" + policy + "/" + name);
    }
  }
  for (const char* name :
       {"update_interval", "samples", "in1_enable", "in2_enable", "in3_enable"}) {
    read(task.chip + "/" + name);
  }
  for (const auto& entry : std::filesystem::directory_iterator(LeaseFolder(task.state))) {
    if (entry.path().extension() == ".journal") values[entry.path()] = "left";
  }
  return values;
}

int KillAtEveryStep(Task task) {
  const auto chip = KernelFiles().Resolve(task.chip);
  if (!chip.ok()) Fail(chip.status());
  task.chip = *chip;
  const auto restore = RestoreOptionsOf(task.state, "/sys", KernelFiles());
  if (!restore.ok()) Fail(restore.status());
  std::filesystem::create_directories(LeaseFolder(task.state));
  const auto before = Snapshot(task);
  long step = 1, changed = 0, restores = 0, different = 0;
  for (; KilledAt(step, [&] { TakeAndRelease(task, *restore); }); ++step) {
    if (Snapshot(task) != before) ++changed;
    // Another one of its steps each time.
    if (KilledAt(1 + step % 17, [&] { RestoreAll(task); })) ++restores;
    RestoreAll(task);
    const auto after = Snapshot(task);
    if (after == before) continue;
    ++different;
    for (const auto& [path, value] : after) {
      const auto was = before.find(path);
      if (was == before.end() || was->second != value) {
        fmt::print("after step {}: {} is {}\n", step, path, value);
      }
    }
  }
  fmt::print("{} steps, {} with settings changed, {} restores killed, {} differences\n", step - 1,
             changed, restores, different + (Snapshot(task) == before ? 0 : 1));
  return different == 0 && Snapshot(task) == before ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: lease_steps STATE CPU_KHZ CORES CHIP_FOLDER\n");
    return 2;
  }
  return synergy::KillAtEveryStep({.state = argv[1],
                                   .khz = atoll(argv[2]),
                                   .cores = static_cast<uint32_t>(atoi(argv[3])),
                                   .chip = argv[4]});
}
