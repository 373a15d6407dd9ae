#include <unistd.h>

#include <algorithm>

#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// Of one CPU: what takes less moves an operator's mean by less than most runs can see.
constexpr double kDisturbs = 0.1;
constexpr size_t kNamed = 3;

std::string Describe(const CpuUser& user) {
  return fmt::format("{} (pid {}) {:.0f} %", user.name, user.pid, 100 * user.share);
}

void FindUsers(const LoadSample& before, const LoadSample& after, const std::string& beside,
               Findings& findings) {
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const std::vector<CpuUser> users = CpuUsers(before, after, getpid(), ticks);
  double all = 0;
  for (const CpuUser& user : users) all += user.share;
  const std::string average = after.load_average.has_value()
                                  ? fmt::format("load average {:.2f}; ", *after.load_average)
                                  : std::string();
  std::vector<std::string> names;
  for (size_t i = 0; i < users.size() && i < kNamed; ++i) {
    if (users[i].share >= kDisturbs) names.push_back(Describe(users[i]));
  }
  if (names.empty()) {
    return findings.Good(
        fmt::format("{}other programs take {:.0f} % of one CPU{}", average, 100 * all, beside));
  }
  findings.Limited(fmt::format("{}other programs take {:.0f} % of one CPU{}: {}", average,
                               100 * all, beside, fmt::join(names, ", ")),
                   "look with `top` what that is, and measure when it is done");
}

void FindSwap(const LoadSample& before, const LoadSample& after, Findings& findings) {
  if (after.swap_total_kib == 0) return findings.Good("no swap");
  const double used_mib = static_cast<double>(after.swap_total_kib - after.swap_free_kib) / 1024.0;
  if (after.swapped_pages == before.swapped_pages) {
    return findings.Good(fmt::format("{:.0f} MiB of swap in use, none moved now", used_mib));
  }
  findings.Limited(fmt::format("the machine swaps: {} pages in {:.1f} s, {:.0f} MiB in use",
                               after.swapped_pages - before.swapped_pages,
                               (after.at - before.at).seconds(), used_mib),
                   "end what needs much memory, or measure a smaller network or batch");
}

// A cooling device's state is above 0 while it throttles; a counter counts while it does.
bool ThrottlesNow(const v1::Conditions::Throttle& throttle, bool since_before) {
  return throttle.what().starts_with("cooling ") ? throttle.value() > 0 : since_before;
}

void FindHeat(const LoadSample& before, const LoadSample& after, Findings& findings) {
  std::vector<std::string> throttling;
  for (const auto& throttle : after.throttles) {
    if (ThrottlesNow(throttle, true)) throttling.push_back(throttle.what());
  }
  for (const auto& throttle : before.throttles) {
    const bool told_again = std::ranges::any_of(
        after.throttles, [&](const auto& now) { return now.what() == throttle.what(); });
    if (!told_again && ThrottlesNow(throttle, false)) throttling.push_back(throttle.what());
  }
  const std::string heat =
      after.hottest_c.has_value() ? fmt::format(", {:.1f} C at most", *after.hottest_c) : "";
  if (!throttling.empty()) {
    return findings.Limited(
        fmt::format("throttled now{}: {}", heat, fmt::join(throttling, ", ")),
        "cool the board, wait (run --cool-below 45C), or fix a lower clock (run --cpu-freq)");
  }
  if (before.throttles.empty() && !after.hottest_c.has_value()) {
    return findings.Good("nothing here tells of heat or throttling");
  }
  findings.Good(fmt::format("not throttled{}", heat));
}

}  // namespace

void FindLoad(const LoadSample& before, const LoadSample& after, const std::string& running_job,
              v1::Diagnosis& diagnosis) {
  Findings findings("load", diagnosis);
  if (!running_job.empty()) {
    findings.Good(fmt::format("run {} is under way; its engine is not counted below", running_job));
  }
  FindUsers(before, after, running_job.empty() ? "" : " beside it", findings);
  FindSwap(before, after, findings);
  FindHeat(before, after, findings);
}

}  // namespace synergy
