#include "daemon/jobs/worker_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/clock.h"
#include "common/files.h"
#include "common/unique_fd.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr Nanoseconds kDeathPatience = Seconds(1);
constexpr Nanoseconds kWaitStep = Milliseconds(2);
constexpr size_t kMaxFileBytes = 1u << 20;

int ProcessesIn(const std::string& path) {
  const std::string pids = ReadFile(path + "/cgroup.procs", kMaxFileBytes).value_or("");
  return static_cast<int>(std::count(pids.begin(), pids.end(), '\n'));
}

}  // namespace

std::optional<std::string> ParseCgroupMount(std::string_view mounts) {
  while (!mounts.empty()) {
    const std::string_view line = mounts.substr(0, mounts.find('\n'));
    mounts.remove_prefix(std::min(line.size() + 1, mounts.size()));
    // "cgroup2 /sys/fs/cgroup cgroup2 rw,... 0 0"; spaces within a path are written as \040.
    const size_t folder = line.find(' ');
    const size_t type = line.find(' ', folder + 1);
    if (folder == std::string_view::npos || type == std::string_view::npos) continue;
    if (!line.substr(type + 1).starts_with("cgroup2 ")) continue;
    return std::string(line.substr(folder + 1, type - folder - 1));
  }
  return std::nullopt;
}

absl::StatusOr<std::unique_ptr<WorkerCgroup>> WorkerCgroup::Create(const std::string& name) {
  const absl::StatusOr<std::string> mounts = ReadFile("/proc/self/mounts", kMaxFileBytes);
  if (!mounts.ok()) return mounts.status();
  const std::optional<std::string> mount = ParseCgroupMount(*mounts);
  if (!mount.has_value()) return absl::NotFoundError("no cgroup v2 is mounted");
  const std::string path = *mount + "/" + name;
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return FileError("Creating the cgroup", path, errno);
  }
  std::unique_ptr<WorkerCgroup> group(new WorkerCgroup(path));
  if (access((path + "/cgroup.kill").c_str(), W_OK) != 0) {
    return FileError("Looking for", path + "/cgroup.kill", errno);
  }
  const absl::StatusOr<std::string> type = ReadFile(path + "/cgroup.type", 100);
  if (!type.ok()) return type.status();
  if (*type != "domain\n") return absl::FailedPreconditionError(path + " cannot hold processes");
  if (const int left = group->KillAll(); left > 0) {
    spdlog::warn("Killed {} processes that engines of a synergyd before this one left behind",
                 left);
  }
  return group;
}

int WorkerCgroup::KillAll() {
  const int processes = ProcessesIn(path_);
  if (processes == 0) return 0;
  const std::string file = path_ + "/cgroup.kill";
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.ok() || write(fd.get(), "1", 1) != 1) {
    spdlog::error("{}", FileError("Writing", file, errno).ToString());
  }
  const MonotonicTime limit = RealClock().Now() + kDeathPatience;
  while (ProcessesIn(path_) > 0 && RealClock().Now() < limit) {
    RealClock().SleepUntil(RealClock().Now() + kWaitStep);
  }
  return processes;
}

WorkerCgroup::~WorkerCgroup() {
  KillAll();
  if (rmdir(path_.c_str()) != 0) {
    spdlog::warn("{}", FileError("Removing", path_, errno).ToString());
  }
}

}  // namespace synergy
