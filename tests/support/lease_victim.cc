#include "tests/support/lease_victim.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/clock.h"
#include "common/unique_fd.h"
#include "fmt/format.h"
#include "tests/support/kernel_link.h"
#include "tests/support/kill_steps.h"

namespace synergy {
namespace {

constexpr char kOverride[] = "/sys/kernel/debug/clock/override.emc";

// Everything that can be changed, in a sensible order, with values to choose from.
struct Choice {
  std::string path;
  std::vector<std::string> values;  // empty: only noted
};

std::vector<Choice> Choices(AttributeFiles& files) {
  const std::string little = FakeKernel::PolicyFolder(0);
  const std::string big = FakeKernel::PolicyFolder(2);
  const std::string gpu = FakeKernel::DevfreqFolder("57000000.gpu");
  const std::string memory = FakeKernel::DevfreqFolder("emc");
  std::vector<Choice> choices;
  for (const std::string& policy : {little, big}) {
    for (const char* tunable : {"/schedutil/rate_limit_us", "/ondemand/up_threshold"}) {
      choices.push_back({policy + tunable, {}});
    }
  }
  for (const std::string& policy : {little, big}) {
    choices.push_back({policy + "/scaling_governor", {"userspace", "performance", "ondemand"}});
    choices.push_back({policy + "/scaling_max_freq", {"1224000", "600000", "102000"}});
    choices.push_back({policy + "/scaling_min_freq", {"1224000", "204000", "1734000"}});
    choices.push_back({policy + "/scaling_setspeed", {"600000"}});
  }
  choices.push_back({big + "/boost", {"0"}});
  choices.push_back({FakeKernel::CpuFolder() + "/cpu1/online", {"0"}});
  choices.push_back({FakeKernel::CpuFolder() + "/cpu3/online", {"1"}});
  choices.push_back({FakeKernel::CpuFolder() + "/cpu2/online", {"0"}});  // may be its policy's last
  choices.push_back({gpu + "/governor", {"userspace", "performance"}});
  choices.push_back({gpu + "/max_freq", {"614400000", "153600000"}});
  choices.push_back({gpu + "/min_freq", {"614400000", "153600000"}});
  choices.push_back({memory + "/min_freq", {"998400000"}});
  choices.push_back({memory + "/max_freq", {}});
  choices.push_back({std::string(kOverride) + "/rate", {"1600000000"}});
  choices.push_back({std::string(kOverride) + "/state", {"1"}});
  // None where the driver is unbound, and another number after it was.
  for (const std::string& hwmon : files.List("/sys/class/hwmon")) {
    choices.push_back({"/sys/class/hwmon/" + hwmon + "/update_interval", {"1"}});
    choices.push_back({"/sys/class/hwmon/" + hwmon + "/samples", {"4"}});
  }
  return choices;
}

bool Coin(std::mt19937_64* random) { return random == nullptr || ((*random)() & 1) != 0; }

// Controls influence each other, so all are noted before the first of them is written. With strict
// limits a draw may be refused; what was written by then still has to come back.
void ApplyChoices(AttributeFiles& files, FrequencyLease& lease, std::mt19937_64* random) {
  const std::vector<Choice> choices = Choices(files);
  std::vector<Setting> batch;
  for (const Choice& choice : choices) batch.push_back({.path = choice.path});
  if (!lease.Apply(batch).ok()) _exit(7);
  batch.clear();
  for (const Choice& choice : choices) {
    Setting setting{.path = choice.path};
    if (!choice.values.empty() && Coin(random)) {
      const size_t pick = random == nullptr ? 0 : (*random)() % choice.values.size();
      setting.value = choice.values[pick];
    }
    batch.push_back(std::move(setting));
    if (random != nullptr && (*random)() % 8 == 0) {
      (void)lease.Apply(batch);
      batch.clear();
    }
  }
  (void)lease.Apply(batch);
}

bool WaitForRequest(int fd, MonotonicTime deadline) {
  const int64_t left_us = (deadline - RealClock().Now()).count / 1000;
  pollfd waited = {.fd = fd, .events = POLLIN, .revents = 0};
  const timespec patience = {.tv_sec = 0, .tv_nsec = std::max<int64_t>(left_us, 0) * 1000};
  return ppoll(&waited, 1, &patience, nullptr) > 0 && left_us > 0;
}

}  // namespace

std::unique_ptr<FakeKernel> MakeVictimBoard(bool strict_limits) {
  auto kernel = std::make_unique<FakeKernel>();
  kernel->AddCore(3, false);
  kernel->AddPolicy({.number = 0, .cpus = {0, 1}, .strict = strict_limits});
  kernel->AddPolicy({.number = 2,
                     .cpus = {2, 3},
                     .boost_table = {1912000},
                     .governor = "userspace",
                     .strict = strict_limits});
  kernel->AddDevfreq({.strict = strict_limits});
  kernel->AddDevfreq({.name = "emc", .governor = "simple_ondemand", .strict = strict_limits});
  kernel->AddFile(std::string(kOverride) + "/rate", "0");
  kernel->AddFile(std::string(kOverride) + "/state", "0");
  kernel->AddChip();
  // As a user has set them.
  const std::string little = FakeKernel::PolicyFolder(0);
  const std::string big = FakeKernel::PolicyFolder(2);
  for (const auto& [path, value] : std::vector<std::pair<std::string, std::string>>{
           {little + "/schedutil/rate_limit_us", "2000"},
           {little + "/scaling_max_freq", "1428000"},
           {little + "/scaling_min_freq", "204000"},
           {big + "/scaling_setspeed", "825600"},
           {"/sys/class/hwmon/hwmon0/samples", "16"}}) {
    if (!kernel->Write(path, value).ok()) std::abort();
  }
  return kernel;
}

LeaseOptions VictimLease(const std::string& journal) {
  return {.journal = journal, .holder = "a victim", .restore = {.boot_id = kVictimBoot}};
}

void TakeAndRelease(AttributeFiles& files, const std::string& journal, std::mt19937_64* random) {
  auto lease = FrequencyLease::Take(VictimLease(journal), files);
  if (!lease.ok()) _exit(4);
  ApplyChoices(files, **lease, random);
  // Without its driver the chip is not where its settings were.
  if (Coin(random) && !(*lease)->Unbind(FakeKernel::DeviceFolder()).ok()) _exit(5);
  if (Coin(random)) ApplyChoices(files, **lease, random);
  if (!(*lease)->Release().Clean()) _exit(6);
}

VictimEnd RunVictim(FakeKernel& kernel, const Victim& victim) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  UniqueFd ours(fds[0]);
  UniqueFd theirs(fds[1]);
  const pid_t child = fork();
  if (child < 0) std::abort();
  if (child == 0) {
    ours.reset();
    RemoteKernel remote(theirs.get());
    KillAtStep(victim.kill_at_step);
    victim.work(remote);
    remote.Tell(fmt::format("{}", StepsTaken()));
    _exit(0);
  }
  theirs.reset();
  const size_t writes_before = kernel.writes().size();
  MonotonicTime deadline;
  int since_write = -1;
  VictimEnd end;
  std::string told;
  bool alive = true;
  while (alive) {
    if (since_write < 0 && kernel.writes().size() > writes_before) {
      since_write = 0;
      deadline = RealClock().Now() + Microseconds(victim.kill_after_us);
    }
    const bool late =
        since_write >= 0 && victim.kill_after_us >= 0 && !WaitForRequest(ours.get(), deadline);
    const bool enough = since_write >= 0 && since_write == victim.kill_after_requests;
    if (late || enough) {
      kill(child, SIGKILL);
      // A request that was sent before is a write that the kernel has begun.
      while (ServeOne(kernel, ours.get(), &told) != Served::kEnd) {
      }
      break;
    }
    const Served served = ServeOne(kernel, ours.get(), &told);
    if (since_write >= 0) ++since_write;
    alive = served != Served::kEnd;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) std::abort();
  end.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (!end.killed && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
    fmt::print(stderr, "the victim ended by itself: {:#x}\n", status);
    std::abort();
  }
  if (!told.empty()) end.steps = std::atol(told.c_str());
  return end;
}

std::vector<std::string> Differences(FakeKernel& kernel, const std::string& journal,
                                     const std::map<std::string, std::string>& before) {
  std::vector<std::string> differences;
  const RestoreReport report = Restore(journal, {.boot_id = kVictimBoot}, kernel);
  if (!report.Clean() || report.Has(RestoreOutcome::kForeign)) {
    for (const std::string& line : DescribeReport(report)) differences.push_back("report: " + line);
  }
  const std::map<std::string, std::string> after = kernel.Snapshot();
  for (const auto& [path, value] : before) {
    const auto now = after.find(path);
    const std::string text = now == after.end() ? "not there" : now->second;
    if (text != value) differences.push_back(fmt::format("{}: {}, was {}", path, text, value));
  }
  for (const auto& [path, value] : after) {
    if (!before.contains(path)) differences.push_back(fmt::format("{} is new: {}", path, value));
  }
  const std::filesystem::path file(journal);
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path())) {
    if (entry.path() != journal + ".lock") differences.push_back("left: " + entry.path().string());
  }
  return differences;
}

}  // namespace synergy
