#include "daemon/installation.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "common/files.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

constexpr size_t kIdBytes = 16;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string BoardIdFile(const std::string& state_dir) { return state_dir + "/board_id"; }

}  // namespace

std::string DefaultStateDir() {
  if (geteuid() == 0) return "/var/lib/synergy";
  if (const std::string state = Variable("XDG_STATE_HOME"); !state.empty())
    return state + "/synergy";
  const std::string home = Variable("HOME");
  return home.empty() ? "" : home + "/.local/state/synergy";
}

std::string DefaultListenAddress() {
  if (geteuid() == 0) return "unix:/run/synergy/synergyd.sock";
  const std::string runtime = Variable("XDG_RUNTIME_DIR");
  return runtime.empty() ? "" : fmt::format("unix:{}/synergy/synergyd.sock", runtime);
}

std::string MachineLockFolder() {
  if (geteuid() == 0) return "/run/synergy";
  const std::string runtime = Variable("XDG_RUNTIME_DIR");
  return runtime.empty() ? fmt::format("/tmp/synergy-{}", geteuid()) : runtime + "/synergy";
}

std::string DefaultLibexecDir() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (fs::exists(folder / "synergy-launcher", error)) return folder;
  return (folder / "../libexec/synergy").lexically_normal();
}

absl::StatusOr<std::string> ReadBoardId(const std::string& state_dir) {
  const std::string file = BoardIdFile(state_dir);
  absl::StatusOr<std::string> id = ReadFile(file, 2 * kIdBytes + 1);
  if (id.ok() && id->size() > 2 * kIdBytes) id->resize(2 * kIdBytes);  // the line's end
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (id.ok() && id->size() == 2 * kIdBytes && std::all_of(id->begin(), id->end(), is_hex)) {
    return id;
  }
  if (absl::IsNotFound(id.status())) return id;
  return absl::DataLossError(
      fmt::format("Reading {}: it holds no board id; restore it, or delete it to have a new one "
                  "made, which hosts will take for another board",
                  file));
}

absl::StatusOr<StateFolder> StateFolder::Open(const std::string& path) {
  if (absl::Status made = MakeFolder(path, 0700); !made.ok()) {
    return absl::Status(made.code(), fmt::format("{}; choose another state folder with --state DIR",
                                                 std::string(made.message())));
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return FileError("Looking at", path, errno);
  if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(fmt::format(
        "The state folder {} belongs to user {} and has mode {:o}: it must belong to user {}, who "
        "runs synergyd, and nobody else may write it (chown, chmod go-w); or choose another with "
        "--state",
        path, info.st_uid, info.st_mode & 07777u, geteuid()));
  }
  const std::string file = path + "/lock";
  absl::StatusOr<std::optional<FileLock>> lock = FileLock::TryTake(file);
  if (!lock.ok()) return lock.status();
  if (!lock->has_value()) {
    const absl::StatusOr<std::string> owner = ReadFile(file, 32);
    return absl::FailedPreconditionError(fmt::format(
        "Another synergyd{} uses the state folder {}: stop it or choose another folder with "
        "--state",
        owner.ok() && !owner->empty() ? fmt::format(" (process {})", *owner) : "", path));
  }
  const std::string pid = fmt::format("{}", getpid());
  if (ftruncate((*lock)->fd(), 0) != 0) return FileError("Writing", file, errno);
  if (absl::Status written = WriteAll((*lock)->fd(), pid, file); !written.ok()) return written;
  return StateFolder(path, **std::move(lock));
}

absl::StatusOr<std::string> StateFolder::BoardId() const {
  const absl::StatusOr<std::string> there = ReadBoardId(path_);
  if (!absl::IsNotFound(there.status())) return there;
  std::array<uint8_t, kIdBytes> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return FileError("Reading", "random numbers", errno);
  }
  const std::string made = fmt::format("{:02x}", fmt::join(random, ""));
  absl::Status written = ReplaceFile(BoardIdFile(path_), made + "\n", Sync::kYes);
  if (!written.ok()) return written;
  return made;
}

}  // namespace synergy
