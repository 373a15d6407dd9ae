#include "daemon/sampling/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/files.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

constexpr size_t kLengthBytes = 4;
// A chunk's fields besides its data take less than this.
constexpr uint32_t kMaxFrameBytes = kMaxChunkDataBytes + 1024;

void PutLength(uint32_t length, char* out) {
  for (size_t i = 0; i < kLengthBytes; ++i) out[i] = static_cast<char>(length >> (8 * i));
}

uint32_t GetLength(const char* bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  }
  return length;
}

// Reads until `size` bytes or the end of the file; the number of bytes read, or -1 with errno.
ssize_t ReadFully(int fd, char* out, size_t size, uint64_t offset) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

absl::Status ReadError(uint64_t offset, int error) {
  return absl::UnavailableError(
      fmt::format("reading a spool file at byte {}: {}; try again", offset, std::strerror(error)));
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
  std::string frame(kLengthBytes, '\0');
  chunk.AppendToString(&frame);
  PutLength(static_cast<uint32_t>(frame.size() - kLengthBytes), frame.data());

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

absl::StatusOr<uint32_t> SpoolReader::WholeFrame() const {
  std::array<char, kLengthBytes> bytes;
  const ssize_t n = ReadFully(fd_.get(), bytes.data(), bytes.size(), offset_);
  if (n < 0) return ReadError(offset_, errno);
  if (static_cast<size_t>(n) < bytes.size()) return 0;
  const uint32_t length = GetLength(bytes.data());
  if (length == 0 || length > kMaxFrameBytes) {
    return absl::DataLossError(fmt::format(
        "the spool file is damaged at byte {}: no frame has {} bytes", offset_, length));
  }
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) return ReadError(offset_, errno);
  const bool whole = static_cast<uint64_t>(info.st_size) >= offset_ + kLengthBytes + length;
  return whole ? length : 0;
}

absl::StatusOr<bool> SpoolReader::Next(v1::Chunk* out) {
  const absl::StatusOr<uint32_t> length = WholeFrame();
  if (!length.ok()) return length.status();
  if (*length == 0) return false;
  std::string bytes(*length, '\0');
  const ssize_t n = ReadFully(fd_.get(), bytes.data(), bytes.size(), offset_ + kLengthBytes);
  if (n < 0) return ReadError(offset_, errno);
  if (static_cast<size_t>(n) < bytes.size()) return false;  // the writer took a torn frame back
  if (!out->ParseFromString(bytes)) {
    return absl::DataLossError(fmt::format(
        "the spool file is damaged at byte {}: what stands there is no chunk", offset_));
  }
  if (out->seq() != next_seq_) {
    return absl::DataLossError(
        fmt::format("the spool file is damaged at byte {}: chunk {} stands "
                    "where chunk {} should",
                    offset_, out->seq(), next_seq_));
  }
  offset_ += kLengthBytes + *length;
  ++next_seq_;
  return true;
}

absl::Status SpoolReader::SeekToSeq(uint64_t seq) {
  if (seq < next_seq_) {
    offset_ = 0;
    next_seq_ = 0;
  }
  while (next_seq_ < seq) {
    const absl::StatusOr<uint32_t> length = WholeFrame();
    if (!length.ok()) return length.status();
    if (*length == 0) {
      return absl::OutOfRangeError(
          fmt::format("chunk {} was asked for, but the run has {} chunks so far", seq, next_seq_));
    }
    offset_ += kLengthBytes + *length;
    ++next_seq_;
  }
  return absl::OkStatus();
}

}  // namespace synergy
