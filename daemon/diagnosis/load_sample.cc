#include "daemon/diagnosis/load_sample.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "common/files.h"
#include "common/sysfs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxProcBytes = 64 << 10;
constexpr std::string_view kClient = "synergyctl";

// The number behind `key` at the beginning of a line ("SwapFree:   123 kB"); 0 where there is none.
uint64_t NumberBehind(std::string_view text, std::string_view key) {
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    std::string_view rest = text.substr(line, end - line);
    line = end + 1;
    if (!rest.starts_with(key)) continue;
    rest.remove_prefix(key.size());
    const size_t digit = rest.find_first_not_of(": \t");
    uint64_t number = 0;
    if (digit == std::string_view::npos) return 0;
    std::from_chars(rest.data() + digit, rest.data() + rest.size(), number);
    return number;
  }
  return 0;
}

std::string Text(const std::string& path) { return ReadFile(path, kMaxProcBytes).value_or(""); }

bool IsOwn(const std::map<int, ProcessTimes>& processes, int pid, int own) {
  // A pid that was given again may close a circle: no chain is longer than there are processes.
  for (size_t steps = 0; steps <= processes.size(); ++steps) {
    if (pid == own) return true;
    const auto process = processes.find(pid);
    if (process == processes.end()) return false;
    pid = process->second.parent;
  }
  return false;
}

}  // namespace

std::optional<ProcessTimes> ParseProcessStat(std::string_view text) {
  // The name is in parentheses and may hold some itself; behind it are a letter and numbers.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  ProcessTimes process;
  process.name = std::string(text.substr(open + 1, close - open - 1));
  std::string_view rest = text.substr(close + 1);
  // Fields of proc(5), the state being the third.
  constexpr int kState = 3, kParent = 4, kUser = 14, kSystem = 15, kStart = 22;
  for (int field = kState; field <= kStart; ++field) {
    const size_t begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    uint64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number);
    if (field == kParent) process.parent = static_cast<int>(number);
    if (field == kUser || field == kSystem) process.ticks += number;
    if (field == kStart) process.started_at = number;
  }
  return process;
}

LoadSample SampleLoad(const std::string& proc, MonotonicTime now) {
  LoadSample sample;
  sample.at = now;
  for (const std::string& name : ListSysfs(proc)) {
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    auto process = ParseProcessStat(Text(fmt::format("{}/{}/stat", proc, name)));
    if (process.has_value()) sample.processes.emplace(pid, *std::move(process));
  }
  const std::string load = Text(proc + "/loadavg");
  if (!load.empty()) sample.load_average = std::strtod(load.c_str(), nullptr);
  const std::string memory = Text(proc + "/meminfo");
  sample.swap_total_kib = NumberBehind(memory, "SwapTotal");
  sample.swap_free_kib = NumberBehind(memory, "SwapFree");
  const std::string pages = Text(proc + "/vmstat");
  sample.swapped_pages = NumberBehind(pages, "pswpin") + NumberBehind(pages, "pswpout");
  return sample;
}

std::vector<CpuUser> CpuUsers(const LoadSample& before, const LoadSample& after, int own,
                              double ticks_per_second) {
  const double span_s = (after.at - before.at).seconds();
  std::vector<CpuUser> users;
  if (!(span_s > 0)) return users;
  for (const auto& [pid, process] : after.processes) {
    if (process.name == kClient || IsOwn(after.processes, pid, own)) continue;
    const auto earlier = before.processes.find(pid);
    const bool same =
        earlier != before.processes.end() && earlier->second.started_at == process.started_at;
    const uint64_t base = same ? std::min(earlier->second.ticks, process.ticks) : 0;
    const double used_s = static_cast<double>(process.ticks - base) / ticks_per_second;
    if (used_s > 0) users.push_back({pid, process.name, used_s / span_s});
  }
  std::ranges::sort(users, std::ranges::greater(), &CpuUser::share);
  return users;
}

}  // namespace synergy
