#include "daemon/jobs/core_plan.h"

#include <sched.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "common/files.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Threads that start while the list is read are found by the next pass.
constexpr int kPasses = 5;

std::vector<pid_t> Threads(pid_t pid) {
  std::vector<pid_t> threads;
  std::error_code error;
  const std::string folder = fmt::format("/proc/{}/task", pid);
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (thread > 0) threads.push_back(thread);
  }
  return threads;
}

}  // namespace

CorePlan PlanCores(const std::vector<int>& available, uint32_t threads) {
  if (threads == 0 || threads >= available.size()) return {};
  const auto first = available.end() - static_cast<std::ptrdiff_t>(threads);
  return {.job = {first, available.end()}, .daemon = {available.begin(), first}};
}

std::vector<int> AvailableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

absl::Status PinProcess(pid_t pid, const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &set);
  std::set<pid_t> pinned;
  for (int pass = 0; pass < kPasses; ++pass) {
    bool found = false;
    for (const pid_t thread : Threads(pid)) {
      if (!pinned.insert(thread).second) continue;
      found = true;
      const bool ok = sched_setaffinity(thread, sizeof(set), &set) == 0;
      if (!ok && errno != ESRCH) {  // ESRCH: the thread has ended
        return FileError("Binding a thread to CPUs, of", fmt::format("process {}", pid), errno);
      }
    }
    if (!found) break;
  }
  return absl::OkStatus();
}

}  // namespace synergy
