#include "client/commands/onnx_external_data.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/files.h"
#include "common/printable.h"
#include "common/sha1.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// O_NONBLOCK: a named pipe must not hold us.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
constexpr size_t kHashedAtATime = 1u << 20;
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

absl::Status Refuse(const std::string& location, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("external data '{}': {}; only regular files in the model's own folder are read",
                  Printable(location, 120), why));
}

// The names on the way; InvalidArgument where the path could lead out of the folder.
absl::StatusOr<std::vector<std::string>> NamesOf(const std::string& location) {
  if (location.find('\0') != std::string::npos) return Refuse(location, "it has a zero byte");
  if (location.starts_with('/')) return Refuse(location, "an absolute path");
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= location.size();) {
    const size_t end = std::min(location.find('/', begin), location.size());
    std::string name = location.substr(begin, end - begin);
    begin = end + 1;
    if (name == "..") return Refuse(location, "it leads out of the folder");
    if (!name.empty() && name != ".") names.push_back(std::move(name));
  }
  if (names.empty()) return Refuse(location, "it names no file");
  return names;
}

absl::Status OpenError(const std::string& location, int error) {
  if (error == ELOOP || error == EXDEV || error == ENOTDIR) {
    return Refuse(location, "a symbolic link, or a way out of the folder");
  }
  return FileError("open external data", location, error);
}

// -1 with errno set.
int OpenByName(int folder, const std::vector<std::string>& names) {
  UniqueFd current;
  int at = folder;
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    UniqueFd next(openat(at, names[i].c_str(), kFolderFlags));
    if (next.get() < 0) return -1;
    current = std::move(next);
    at = current.get();
  }
  return openat(at, names.back().c_str(), kOpenFlags);
}

int OpenByKernel(int folder, const std::vector<std::string>& names) {
  const std::string path = fmt::format("{}", fmt::join(names, "/"));
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(kOpenFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
}

absl::StatusOr<std::string> ReadPart(int fd, const std::string& location, uint64_t offset,
                                     uint64_t length) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) return FileError("read external data", location, errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (offset > size || length > size - offset) {
    return Refuse(location, fmt::format("it has {} bytes, but the model reads {} from byte {} on",
                                        size, length, offset));
  }
  std::string bytes(length, '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got =
        pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read external data", location, errno);
    if (got == 0) return Refuse(location, "it became shorter while it was read");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

// SHA-1 of all of the file, in hexadecimal digits.
absl::StatusOr<std::string> HashWhole(int fd, const std::string& location) {
  Sha1 hash;
  std::string buffer(kHashedAtATime, '\0');
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read external data", location, errno);
    if (got == 0) return absl::BytesToHexString(hash.Finish());
    hash.Update({buffer.data(), static_cast<size_t>(got)});
    at += got;
  }
}

// Which file it is, and when it was changed last.
using FileVersion = std::tuple<dev_t, ino_t, off_t, int64_t, int64_t, int64_t, int64_t>;
FileVersion VersionOf(const struct stat& status) {
  return {status.st_dev,         status.st_ino,          status.st_size,
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
          status.st_ctim.tv_nsec};
}

class FolderReader {
 public:
  FolderReader(UniqueFd folder, std::string path)
      : folder_(std::move(folder)), path_(std::move(path)) {}

  absl::StatusOr<std::shared_ptr<const std::string>> Read(const OnnxExternalBytes& wanted) {
    auto file = OpenRegularBeneath(folder_.get(), wanted.location, BeneathWalk::kKernelFirst);
    if (!file.ok()) {
      return absl::Status(
          file.status().code(),
          fmt::format("{} (the model's folder: {})", std::string(file.status().message()), path_));
    }
    if (!wanted.file_sha1.empty()) {
      absl::Status hashed = CheckSha1(file->get(), wanted);
      if (!hashed.ok()) return hashed;
    }
    auto bytes = ReadPart(file->get(), wanted.location, wanted.offset, wanted.length);
    if (!bytes.ok()) return bytes.status();
    return std::make_shared<const std::string>(*std::move(bytes));
  }

 private:
  absl::Status CheckSha1(int fd, const OnnxExternalBytes& wanted) {
    struct stat status = {};
    if (fstat(fd, &status) != 0) return FileError("read external data", wanted.location, errno);
    // Many tensors have their bytes in the same file.
    std::string& sha1 = hashes_[VersionOf(status)];
    if (sha1.empty()) {
      absl::StatusOr<std::string> hash = HashWhole(fd, wanted.location);
      if (!hash.ok()) return hash.status();
      sha1 = *std::move(hash);
    }
    if (sha1 == wanted.file_sha1) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format(
        "external data '{}': the file's SHA-1 is {}, but the model says {}: it was damaged or "
        "changed, or belongs to another export of the model (the model's folder: {})",
        Printable(wanted.location, 120), sha1, wanted.file_sha1, path_));
  }

  const UniqueFd folder_;
  const std::string path_;
  std::map<FileVersion, std::string> hashes_;
};

}  // namespace

absl::StatusOr<UniqueFd> OpenRegularBeneath(int folder, const std::string& location,
                                            BeneathWalk walk) {
  auto names = NamesOf(location);
  if (!names.ok()) return names.status();
  UniqueFd file;
  if (walk == BeneathWalk::kKernelFirst) file = UniqueFd(OpenByKernel(folder, *names));
  // A sandbox may forbid the call (EPERM) where the kernel has it.
  if (walk == BeneathWalk::kByName ||
      (file.get() < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))) {
    file = UniqueFd(OpenByName(folder, *names));
  }
  if (file.get() < 0) return OpenError(location, errno);
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return FileError("open external data", location, errno);
  if (!S_ISREG(status.st_mode)) return Refuse(location, "it is no regular file");
  return file;
}

absl::StatusOr<ReadExternalBytes> OnnxExternalData(const std::string& model_path) {
  const size_t slash = model_path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : model_path.substr(0, slash);
  UniqueFd opened(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (opened.get() < 0) return FileError("open the model's folder", folder, errno);
  // Shared: std::function must be copyable.
  auto reader = std::make_shared<FolderReader>(std::move(opened), folder);
  return [reader](const OnnxExternalBytes& bytes) { return reader->Read(bytes); };
}

}  // namespace synergy
