#include "daemon/front/net_upload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "common/fair_share.h"
#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr const char* kTmpfs = "/dev/shm";

}  // namespace

bool UploadBudget::Take(const std::string& client, uint64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  uint64_t& taken = taken_[client];
  if (bytes > left_ || !LeavesAShare(taken + bytes, left_ - bytes)) return false;
  left_ -= bytes;
  taken += bytes;
  return true;
}

void UploadBudget::GiveBack(const std::string& client, uint64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  left_ += bytes;
  taken_[client] -= bytes;
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

absl::StatusOr<NetUpload> NetUpload::Create(std::string what, uint64_t bytes, UploadBudget* budget,
                                            std::string client) {
  if (bytes > kMaxNetBytes) {
    return absl::ResourceExhaustedError(
        fmt::format("The {} has {} bytes, at most {} are possible", what, bytes, kMaxNetBytes));
  }
  if (bytes > budget->share()) {
    return absl::ResourceExhaustedError(
        fmt::format("The {} has {} bytes, for which this board has too little memory: {} are "
                    "possible",
                    what, bytes, budget->share()));
  }
  absl::StatusOr<UniqueFd> file = CreateAnonymousFile();
  if (!file.ok()) return file.status();
  return NetUpload(std::move(what), bytes, budget, std::move(client), *std::move(file));
}

NetUpload::NetUpload(std::string what, uint64_t announced, UploadBudget* budget, std::string client,
                     UniqueFd file)
    : what_(std::move(what)),
      announced_(announced),
      budget_(budget),
      client_(std::move(client)),
      file_(std::move(file)) {}

NetUpload::NetUpload(NetUpload&& other) noexcept
    : what_(std::move(other.what_)),
      announced_(other.announced_),
      budget_(other.budget_),
      client_(other.client_),
      file_(std::move(other.file_)),
      bytes_(std::exchange(other.bytes_, 0)) {}

NetUpload::~NetUpload() { budget_->GiveBack(client_, bytes_); }

absl::Status NetUpload::Append(std::string_view part) {
  if (part.size() > announced_ - bytes_) {
    return absl::InvalidArgumentError(
        fmt::format("The {} is longer than the {} bytes that were announced", what_, announced_));
  }
  if (!budget_->Take(client_, part.size())) {
    return absl::ResourceExhaustedError(
        fmt::format("There is no room for the {} of {} bytes beside other submissions; try again",
                    what_, announced_));
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
