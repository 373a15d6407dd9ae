// A cgroup (v2) that engines run in, so that whatever one of them has started can be killed at
// once: by cgroup.kill (Linux 5.14), which nothing escapes, however fast it forks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace synergy {

// Where cgroup v2 is mounted, from the text of /proc/self/mounts.
std::optional<std::string> ParseCgroupMount(std::string_view mounts);

// Thread-compatible.
class WorkerCgroup {
 public:
  // Makes the folder `name` in the hierarchy. One that is there already was left by a daemon that
  // died: what still runs in it is killed first, so a name belongs to one living daemon. Any error
  // means that there is none (not root, no cgroup v2, an older kernel): go on without.
  static absl::StatusOr<std::unique_ptr<WorkerCgroup>> Create(const std::string& name);
  ~WorkerCgroup();  // kills what is in it and removes it
  WorkerCgroup(const WorkerCgroup&) = delete;
  WorkerCgroup& operator=(const WorkerCgroup&) = delete;

  const std::string& path() const { return path_; }
  // Kills all processes in it; returns how many there were. Waits for their ends, 1 s at most.
  int KillAll();

 private:
  explicit WorkerCgroup(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

}  // namespace synergy
