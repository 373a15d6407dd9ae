#include "common/records/spool_reader.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/records/chunk.h"

namespace synergy {
namespace {

// A chunk's fields besides its data take less than this.
constexpr uint32_t kMaxFrameBytes = kMaxChunkDataBytes + 1024;

uint32_t GetLength(const char* bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < kSpoolLengthBytes; ++i) {
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

absl::StatusOr<uint32_t> SpoolReader::WholeFrame() const {
  std::array<char, kSpoolLengthBytes> bytes;
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
  const bool whole = static_cast<uint64_t>(info.st_size) >= offset_ + kSpoolLengthBytes + length;
  return whole ? length : 0;
}

absl::StatusOr<bool> SpoolReader::Next(v1::Chunk* out) {
  const absl::StatusOr<uint32_t> length = WholeFrame();
  if (!length.ok()) return length.status();
  if (*length == 0) return false;
  std::string bytes(*length, '\0');
  const ssize_t n = ReadFully(fd_.get(), bytes.data(), bytes.size(), offset_ + kSpoolLengthBytes);
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
  offset_ += kSpoolLengthBytes + *length;
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
    offset_ += kSpoolLengthBytes + *length;
    ++next_seq_;
  }
  return absl::OkStatus();
}

}  // namespace synergy
