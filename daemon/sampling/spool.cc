#include "daemon/sampling/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/files.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

void PutLength(uint32_t length, char* out) {
  for (size_t i = 0; i < kSpoolLengthBytes; ++i) out[i] = static_cast<char>(length >> (8 * i));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunSpool>> RunSpool::Create(const std::string& path,
                                                           SpoolLimits limits) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.ok()) return FileError("creating the spool file", path, errno);
  return std::unique_ptr<RunSpool>(new RunSpool(path, std::move(fd), limits));
}

absl::StatusOr<std::unique_ptr<RunSpool>> RunSpool::Reopen(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd.ok()) return FileError("opening the spool file", path, errno);
  absl::StatusOr<UniqueFd> reading = OpenForReading(path);
  if (!reading.ok()) return reading.status();
  SpoolReader reader(*std::move(reading));
  uint64_t bytes = 0;
  uint64_t chunks = 0;
  for (v1::Chunk chunk;;) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok() && !absl::IsDataLoss(more.status())) return more.status();
    if (!more.ok() || !*more || !VerifyChunkUntrusted(chunk).ok()) break;
    bytes = reader.offset();
    chunks = reader.next_seq();
  }
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return FileError("cutting the torn end off the spool file", path, errno);
  }
  std::unique_ptr<RunSpool> spool(new RunSpool(path, std::move(fd), {}));
  spool->bytes_ = bytes;
  spool->chunks_.store(chunks, std::memory_order_release);
  return spool;
}

absl::Status RunSpool::CheckLimits(uint64_t more) {
  if (more > limits_.max_bytes - std::min(bytes(), limits_.max_bytes)) {
    return absl::ResourceExhaustedError(fmt::format(
        "spool file {}: the records of one run may take {} MiB; measure fewer iterations, or at a "
        "lower rate",
        path_, limits_.max_bytes >> 20));
  }
  if (limits_.min_free_bytes == 0 || bytes_ < next_check_) return absl::OkStatus();
  struct statvfs info {};
  if (fstatvfs(fd_.get(), &info) != 0) {
    return FileError("asking for the free space of the disk of the spool file", path_, errno);
  }
  const uint64_t free = static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  if (free < limits_.min_free_bytes) {
    return absl::ResourceExhaustedError(fmt::format(
        "spool file {}: no space left: {} MiB are free and {} MiB must stay so; free some there, "
        "or fetch ended runs with synergyctl, which deletes them from the device",
        path_, free >> 20, limits_.min_free_bytes >> 20));
  }
  next_check_ = bytes_ + kFreeCheckBytes;
  return absl::OkStatus();
}

absl::Status RunSpool::Append(uint32_t channel, uint64_t first_sequence, uint32_t count,
                              v1::Encoding encoding, std::string data) {
  if (!fd_.ok()) {
    return absl::FailedPreconditionError(fmt::format("spool file {}: it is finished", path_));
  }
  if (data.size() > kMaxChunkDataBytes) {
    return absl::InvalidArgumentError(
        fmt::format("spool file {}: a chunk of {} bytes is longer than the {} allowed", path_,
                    data.size(), kMaxChunkDataBytes));
  }
  const uint64_t seq = chunks_.load(std::memory_order_relaxed);
  const v1::Chunk chunk = MakeChunk(seq, channel, first_sequence, count, encoding, std::move(data));
  std::string frame(kSpoolLengthBytes, '\0');
  chunk.AppendToString(&frame);
  PutLength(static_cast<uint32_t>(frame.size() - kSpoolLengthBytes), frame.data());

  if (absl::Status status = CheckLimits(frame.size()); !status.ok()) return status;
  if (absl::Status status = WriteAll(fd_.get(), frame, path_); !status.ok()) {
    // Takes back what was written of the frame. Should that fail too, the torn frame stays the last
    // one: nothing more may follow it.
    if (ftruncate(fd_.get(), static_cast<off_t>(bytes_)) != 0) fd_.reset();
    return status;
  }
  bytes_ += frame.size();
  chunks_.store(seq + 1, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status RunSpool::Finish() {
  if (!fd_.ok()) {
    return absl::FailedPreconditionError(fmt::format("spool file {}: it is closed", path_));
  }
  const UniqueFd fd = std::move(fd_);
  if (fsync(fd.get()) != 0) return FileError("syncing the spool file", path_, errno);
  return absl::OkStatus();
}

}  // namespace synergy
