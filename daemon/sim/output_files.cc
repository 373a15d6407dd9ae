#include "daemon/sim/output_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "common/files.h"

namespace synergy::sim {
namespace {

absl::Status Exists(const std::string& path) {
  return absl::AlreadyExistsError(
      fmt::format("{} is there already; name another file with -o, or remove it", path));
}

}  // namespace

absl::StatusOr<OutputFiles> OutputFiles::Plan(const std::string& path) {
  OutputFiles files(path);
  for (const std::string& file : {path, files.truth()}) {
    if (access(file.c_str(), F_OK) == 0) return Exists(file);
  }
  if (unlink(files.partial().c_str()) != 0 && errno != ENOENT) {
    return FileError("Removing what a run before has left at", files.partial(), errno);
  }
  return files;
}

OutputFiles::~OutputFiles() {
  if (!path_.empty()) unlink(partial().c_str());
}

absl::Status OutputFiles::Publish(const v1::RunTruth& truth_of_run) {
  absl::Status written = ReplaceFile(truth(), truth_of_run.SerializeAsString(), Sync::kNo);
  if (!written.ok()) return written;
  // A link, since renaming would replace what somebody else may have written meanwhile.
  if (link(partial().c_str(), path_.c_str()) == 0) return absl::OkStatus();
  const int error = errno;
  unlink(truth().c_str());
  return error == EEXIST ? Exists(path_) : FileError("Naming the records", path_, error);
}

}  // namespace synergy::sim
