// Where synergyd keeps things and finds its parts on this machine.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_lock.h"

namespace synergy {

// /var/lib/synergy for root; $XDG_STATE_HOME/synergy or ~/.local/state/synergy for others. "":
// unknown.
std::string DefaultStateDir();
// unix:/run/synergy/synergyd.sock for root; unix:$XDG_RUNTIME_DIR/synergy/synergyd.sock for others.
// "": unknown.
std::string DefaultListenAddress();
// Of the locks on trees that one synergyd of this machine changes at a time (TreeLock):
// /run/synergy for root; for others $XDG_RUNTIME_DIR/synergy, without that one of theirs in /tmp.
std::string MachineLockFolder();
// What StateFolder::BoardId has made. NotFound: nothing yet; DataLoss: it cannot be read.
absl::StatusOr<std::string> ReadBoardId(const std::string& state_dir);
// The folder of this executable where synergy-launcher lies there, else ../libexec/synergy beside
// it.
std::string DefaultLibexecDir();

// The state folder, held by one daemon at a time: its lock ends with this object or the process.
class StateFolder {
 public:
  // Makes it (mode 0700). FailedPrecondition: another daemon holds it, or it belongs to
  // somebody else or can be written by others.
  static absl::StatusOr<StateFolder> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // Random, made once and kept in the folder: names this installation.
  absl::StatusOr<std::string> BoardId() const;

 private:
  StateFolder(std::string path, FileLock lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileLock lock_;
};

}  // namespace synergy
