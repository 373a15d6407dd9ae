#include "daemon/jobs/load_sample.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/jobs/process_usage.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxProcBytes = 64 << 10;
constexpr std::string_view kClient = "synergyctl";

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

// The same process in an earlier sample; null: it was not there.
const ProcessTimes* Earlier(const LoadSample& before, int pid, const ProcessTimes& process) {
  const auto earlier = before.processes.find(pid);
  const bool same =
      earlier != before.processes.end() && earlier->second.started_at == process.started_at;
  return same ? &earlier->second : nullptr;
}

std::vector<CpuUser> OtherUsers(const LoadSample& before, const LoadSample& after, int own,
                                double ticks_per_second) {
  const double span_s = (after.at - before.at).seconds();
  std::vector<CpuUser> users;
  if (!(span_s > 0)) return users;
  for (const auto& [pid, process] : after.processes) {
    if (IsOwn(after.processes, pid, own)) continue;
    const ProcessTimes* earlier = Earlier(before, pid, process);
    const uint64_t base = earlier == nullptr ? 0 : std::min(earlier->ticks, process.ticks);
    const double used_s = static_cast<double>(process.ticks - base) / ticks_per_second;
    if (used_s > 0) users.push_back({pid, process.name, used_s / span_s});
  }
  std::ranges::sort(users, std::ranges::greater(), &CpuUser::share);
  return users;
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
  constexpr int kChildrenUser = 16, kChildrenSystem = 17;
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
    if (field == kChildrenUser || field == kChildrenSystem) process.child_ticks += number;
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
  sample.swap_total_kib = NumberOfLine(memory, "SwapTotal");
  sample.swap_free_kib = NumberOfLine(memory, "SwapFree");
  const std::string pages = Text(proc + "/vmstat");
  sample.swapped_pages = NumberOfLine(pages, "pswpin") + NumberOfLine(pages, "pswpout");
  return sample;
}

std::vector<CpuUser> CpuUsers(const LoadSample& before, const LoadSample& after, int own,
                              double ticks_per_second) {
  std::vector<CpuUser> users = OtherUsers(before, after, own, ticks_per_second);
  std::erase_if(users, [](const CpuUser& user) { return user.name == kClient; });
  return users;
}

OtherLoad OtherLoadBetween(const LoadSample& before, const LoadSample& after, int own,
                           double ticks_per_second, double cpus) {
  OtherLoad load{.users = OtherUsers(before, after, own, ticks_per_second)};
  const double span_s = (after.at - before.at).seconds();
  if (!(span_s > 0)) return load;
  double living_s = 0;
  for (const CpuUser& user : load.users) living_s += user.share * span_s;
  // What a process that has ended in between had used before is with its parent now.
  double ended_ticks = 0;
  for (const auto& [pid, process] : after.processes) {
    const ProcessTimes* earlier = Earlier(before, pid, process);
    if (IsOwn(after.processes, pid, own)) continue;
    ended_ticks += static_cast<double>(process.child_ticks) -
                   static_cast<double>(earlier == nullptr ? 0 : earlier->child_ticks);
  }
  for (const auto& [pid, process] : before.processes) {
    const auto now = after.processes.find(pid);
    const bool ended = now == after.processes.end() || now->second.started_at != process.started_at;
    if (!ended || IsOwn(before.processes, pid, own)) continue;
    ended_ticks -= static_cast<double>(process.ticks + process.child_ticks);
  }
  load.share = (living_s + std::max(ended_ticks, 0.0) / ticks_per_second) / (span_s * cpus);
  return load;
}

}  // namespace synergy
