#include "client/commands/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "client/commands/exit_code.h"
#include "common/files.h"

namespace synergy {

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status OutputFile::Failed(int error) const {
  return Ending(ExitCode::kFailedCheck, FileError("write", path_, error));
}

// A new file beside the target, of a name that nobody has.
absl::Status OutputFile::OpenBeside() {
  const std::filesystem::path folder = std::filesystem::path(target_).parent_path();
  for (int i = 0;; ++i) {
    const std::string name = folder / fmt::format(".synergyctl-{}-{}", getpid(), i);
    fd_ = UniqueFd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd_.ok() && errno == EEXIST) continue;
    if (!fd_.ok()) return Failed(errno);
    temporary_ = name;
    return absl::OkStatus();
  }
}

absl::Status OutputFile::Open() {
  struct stat existing = {};
  const bool exists = ::stat(path_.c_str(), &existing) == 0;
  std::error_code error;
  const bool link = std::filesystem::is_symlink(path_, error);
  error.clear();  // nothing there is no error
  if (exists ? !S_ISREG(existing.st_mode) : link) {
    fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    return fd_.ok() ? absl::OkStatus() : Failed(errno);
  }
  // What a link points at is replaced, not the link.
  target_ = exists ? std::filesystem::canonical(path_, error).string() : path_;
  if (error) return Failed(error.value());
  absl::Status opened = OpenBeside();
  if (opened.ok() && exists) ::fchmod(fd_.get(), existing.st_mode & 07777);  // as far as permitted
  return opened;
}

absl::Status OutputFile::Write(std::string_view part) {
  return Ending(ExitCode::kFailedCheck, WriteAll(fd_.get(), part, path_));
}

absl::Status OutputFile::Commit() {
  if (temporary_.empty()) return absl::OkStatus();
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return Failed(errno);
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace synergy
