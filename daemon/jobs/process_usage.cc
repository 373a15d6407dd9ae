#include "daemon/jobs/process_usage.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "common/files.h"
#include "common/sysfs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxProcBytes = 16 << 10;

double SecondsOf(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

}  // namespace

uint64_t NumberOfLine(std::string_view text, std::string_view key) {
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    std::string_view rest = text.substr(line, end - line);
    line = end + 1;
    if (!rest.starts_with(key)) continue;
    const size_t digit = rest.find_first_not_of(": \t", key.size());
    if (digit == key.size()) continue;  // it goes on
    uint64_t number = 0;
    if (digit == std::string_view::npos) return 0;
    std::from_chars(rest.data() + digit, rest.data() + rest.size(), number);
    return number;
  }
  return 0;
}

std::optional<ProcessUsage> UsageOf(pid_t pid, const std::string& proc) {
  clockid_t clock = 0;
  timespec used = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return std::nullopt;
  }
  ProcessUsage usage{.pid = pid};
  usage.cpu_s = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
  const std::string folder = fmt::format("{}/{}", proc, pid);
  for (const std::string& thread : ListSysfs(folder + "/task")) {
    const std::string path = fmt::format("{}/task/{}/status", folder, thread);
    usage.wakeups +=
        NumberOfLine(ReadFile(path, kMaxProcBytes).value_or(""), "voluntary_ctxt_switches");
  }
  usage.bytes_read = NumberOfLine(ReadFile(folder + "/io", kMaxProcBytes).value_or(""), "rchar");
  return usage;
}

ProcessUsage OwnUsage() {
  rusage used = {};
  getrusage(RUSAGE_SELF, &used);
  return {.pid = getpid(),
          .cpu_s = SecondsOf(used.ru_utime) + SecondsOf(used.ru_stime),
          .wakeups = static_cast<uint64_t>(used.ru_nvcsw)};
}

}  // namespace synergy
