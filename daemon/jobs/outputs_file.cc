#include "daemon/jobs/outputs_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "common/files.h"

namespace synergy {
namespace {

std::string Unfinished(const std::string& path) { return path + ".new"; }

}  // namespace

absl::StatusOr<OutputsFile> OutputsFile::Create(std::string path) {
  const std::string unfinished = Unfinished(path);
  UniqueFd fd(open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FileError("create", unfinished, errno);
  return OutputsFile(std::move(path), std::move(fd));
}

OutputsFile::~OutputsFile() {
  if (fd_.ok()) unlink(Unfinished(path_).c_str());
}

absl::Status OutputsFile::Keep() {
  if (std::rename(Unfinished(path_).c_str(), path_.c_str()) != 0) {
    return FileError("rename", Unfinished(path_), errno);
  }
  fd_.reset();
  return absl::OkStatus();
}

}  // namespace synergy
