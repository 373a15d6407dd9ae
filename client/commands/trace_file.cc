#include "client/commands/trace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "client/commands/exit_code.h"
#include "common/files.h"
#include "common/sha256.h"

namespace synergy {
namespace {

absl::Status Wrong(const std::string& path, const std::string& what) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format("read {}: {}", path, what)));
}

int64_t ModifiedNs(const struct stat& file) {
  return int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec;
}

}  // namespace

absl::StatusOr<TraceFile> TraceFile::Open(const std::string& path) {
  TraceFile file;
  file.path_ = path;
  file.name_ = std::filesystem::path(path).filename();
  file.fd_ = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.fd_.ok()) return Ending(ExitCode::kUsage, FileError("read", path, errno));
  struct stat info {};
  if (fstat(file.fd_.get(), &info) != 0) {
    return Ending(ExitCode::kUsage, FileError("read", path, errno));
  }
  if (S_ISDIR(info.st_mode)) return Wrong(path, "it is a folder; name the file in it");
  if (!S_ISREG(info.st_mode)) {
    return Wrong(path, "it is no regular file, and it is read twice; write it into a file first");
  }
  if (info.st_size == 0) return Wrong(path, "it is empty");
  file.size_ = static_cast<uint64_t>(info.st_size);
  file.modified_unix_ns_ = ModifiedNs(info);
  return file;
}

absl::StatusOr<std::string> TraceFile::ReadAt(uint64_t offset) const {
  std::string text(std::min<uint64_t>(kBlockBytes, size_ - offset), '\0');
  for (size_t at = 0; at < text.size();) {
    const ssize_t n =
        pread(fd_.get(), text.data() + at, text.size() - at, static_cast<off_t>(offset + at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Ending(ExitCode::kUsage, FileError("read", path_, errno));
    if (n == 0) return Wrong(path_, "it became shorter while it was read");
    at += static_cast<size_t>(n);
  }
  return text;
}

absl::Status TraceFile::CheckUnchanged() const {
  struct stat info {};
  if (fstat(fd_.get(), &info) == 0 && static_cast<uint64_t>(info.st_size) == size_ &&
      ModifiedNs(info) == modified_unix_ns_) {
    return absl::OkStatus();
  }
  return Wrong(path_, "it changed while it was read; import it when it is whole");
}

absl::Status TraceFile::Scan(
    const std::function<absl::Status(std::string_view text, uint64_t done)>& visit) {
  Sha256 hash;
  offsets_ = {0};
  while (offsets_.back() < size_) {
    const uint64_t offset = offsets_.back();
    absl::StatusOr<std::string> text = ReadAt(offset);
    if (!text.ok()) return text.status();
    if (offset + text->size() < size_) {
      const size_t end = text->rfind('\n');
      if (end == std::string::npos) {
        return Wrong(path_, fmt::format("the line at byte {} is longer than {} bytes: this is no "
                                        "table of comma-separated values",
                                        offset, kBlockBytes));
      }
      text->resize(end + 1);
    }
    hash.Update(*text);
    offsets_.push_back(offset + text->size());
    if (absl::Status status = visit(*text, offsets_.back()); !status.ok()) {
      return Ending(ExitCode::kUsage, status);
    }
  }
  sha256_ = hash.Finish();
  return CheckUnchanged();
}

absl::StatusOr<std::string> TraceFile::Block(size_t block) const {
  if (absl::Status status = CheckUnchanged(); !status.ok()) return status;
  absl::StatusOr<std::string> text = ReadAt(offsets_[block]);
  if (text.ok()) text->resize(offsets_[block + 1] - offsets_[block]);
  return text;
}

}  // namespace synergy
