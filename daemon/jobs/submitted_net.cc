#include "daemon/jobs/submitted_net.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/files.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kCopyBytes = 1u << 20;

}  // namespace

absl::StatusOr<uint64_t> SubmittedNetSize(const UniqueFd& net, uint64_t max_bytes) {
  struct stat info = {};
  if (fstat(net.get(), &info) != 0) return FileError("Looking at", "the submitted net", errno);
  // Reading from anything else (a pipe, a terminal) might never end.
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError("Taking the submitted net: it is no regular file");
  }
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(fmt::format(
        "Taking the submitted net: it has {} bytes and at most {} are taken", size, max_bytes));
  }
  return size;
}

// By offset: whoever shares the descriptor may move its position.
absl::Status CopySubmittedNet(const UniqueFd& net, uint64_t size, const std::string& path,
                              const std::function<bool()>& stopped) {
  const UniqueFd out(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out.ok()) return FileError("Creating", path, errno);
  std::string buffer(kCopyBytes, '\0');
  for (uint64_t done = 0; done < size;) {
    if (stopped()) {
      return absl::UnavailableError("Taking the submitted net: synergyd or its front goes down");
    }
    const size_t wanted = std::min<uint64_t>(buffer.size(), size - done);
    const ssize_t n = pread(net.get(), buffer.data(), wanted, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Reading", "the submitted net", errno);
    if (n == 0) {
      return absl::InvalidArgumentError("Taking the submitted net: it shrank while it was read");
    }
    const std::string_view part(buffer.data(), static_cast<size_t>(n));
    if (absl::Status status = WriteAll(out.get(), part, path); !status.ok()) return status;
    done += static_cast<uint64_t>(n);
  }
  if (fsync(out.get()) != 0) return FileError("Syncing", path, errno);
  return absl::OkStatus();
}

}  // namespace synergy
