#include "daemon/front/net_upload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr const char* kTmpfs = "/dev/shm";

}  // namespace

bool UploadBudget::Take(uint64_t bytes) {
  uint64_t left = left_.load();
  while (left >= bytes) {
    if (left_.compare_exchange_weak(left, left - bytes)) return true;
  }
  return false;
}

uint64_t UploadBudgetBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return kMaxNetBytes / 4;
  const uint64_t memory = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  return std::min(2 * kMaxNetBytes, memory / 4);
}

absl::StatusOr<UniqueFd> CreateAnonymousFile() {
  UniqueFd fd(memfd_create("synergy-net", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd.ok()) return fd;
  if (errno == ENOSYS) return CreateUnlinkedFile(kTmpfs);
  return absl::ResourceExhaustedError(
      fmt::format("Creating a file in memory for a net: {}", strerror(errno)));
}

absl::StatusOr<UniqueFd> CreateUnlinkedFile(const std::string& folder) {
  std::string path = fmt::format("{}/synergy-net-XXXXXX", folder);
  UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd.ok()) {
    return absl::ResourceExhaustedError(
        fmt::format("Creating a file for a net in {}: {}", folder, strerror(errno)));
  }
  unlink(path.c_str());
  return fd;
}

absl::StatusOr<NetUpload> NetUpload::Create(std::string what, uint64_t bytes,
                                            UploadBudget* budget) {
  if (bytes > kMaxNetBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("The {} has {} bytes, at most {} are possible", what, bytes, kMaxNetBytes));
  }
  absl::StatusOr<UniqueFd> file = CreateAnonymousFile();
  if (!file.ok()) return file.status();
  if (!budget->Take(bytes)) {
    return absl::ResourceExhaustedError(
        fmt::format("There is no room for the {} of {} bytes beside other submissions; try again",
                    what, bytes));
  }
  return NetUpload(std::move(what), bytes, budget, *std::move(file));
}

NetUpload::NetUpload(std::string what, uint64_t announced, UploadBudget* budget, UniqueFd file)
    : what_(std::move(what)), announced_(announced), budget_(budget), file_(std::move(file)) {}

NetUpload::NetUpload(NetUpload&& other) noexcept
    : what_(std::move(other.what_)),
      announced_(std::exchange(other.announced_, 0)),
      budget_(other.budget_),
      file_(std::move(other.file_)),
      bytes_(other.bytes_) {}

NetUpload::~NetUpload() { budget_->GiveBack(announced_); }

absl::Status NetUpload::Append(std::string_view part) {
  if (part.size() > announced_ - bytes_) {
    return absl::InvalidArgumentError(
        fmt::format("The {} is longer than the {} bytes that were announced", what_, announced_));
  }
  const uint64_t begin = bytes_;
  bytes_ += part.size();
  for (size_t done = 0; done < part.size();) {
    const ssize_t wrote = pwrite(file_.get(), part.data() + done, part.size() - done,
                                 static_cast<off_t>(begin + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      return absl::ResourceExhaustedError(
          fmt::format("Keeping the {} in memory: {}", what_, strerror(errno)));
    }
    done += static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

absl::StatusOr<const UniqueFd*> NetUpload::Finish() {
  if (bytes_ != announced_) {
    return absl::InvalidArgumentError(fmt::format(
        "The {} was cut off: {} of {} bytes came; submit again", what_, bytes_, announced_));
  }
  // An unlinked file has no seals (EINVAL); the root side copies by read and never maps it.
  fcntl(file_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return &file_;
}

}  // namespace synergy
