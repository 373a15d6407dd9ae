#include "daemon/jobs/object_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include "common/files.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// What is read, written and hashed at a time: it stays in a core's cache.
constexpr size_t kSliceBytes = 256u << 10;
// At most about a second on an SD card: so long a stop may wait.
constexpr off_t kSyncBytes = 16 << 20;

absl::Status PwriteAll(int fd, std::string_view bytes, uint64_t at, const std::string& path) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n =
        pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError("Writing", path, n < 0 ? errno : ENOSPC);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

// Hashes, on a thread of its own, bytes as they become ready; all of these when it is destroyed.
class FollowingHash {
 public:
  FollowingHash(const char* bytes, Sha256* hash)
      : thread_([this, bytes, hash] {
          uint64_t seen = 0;
          for (size_t done = 0; (seen & kEnd) == 0;) {
            ready_.wait(seen);
            seen = ready_;
            const size_t ready = seen & ~kEnd;
            hash->Update({bytes + done, ready - done});
            done = ready;
          }
        }) {}
  ~FollowingHash() { Tell(ready_ | kEnd); }

  void Ready(size_t bytes) { Tell(bytes); }

 private:
  static constexpr uint64_t kEnd = uint64_t{1} << 63;  // beside the number of bytes: the last word

  void Tell(uint64_t word) {
    ready_ = word;
    ready_.notify_one();
  }

  std::atomic<uint64_t> ready_ = 0;
  std::jthread thread_;  // joined before the others go
};

}  // namespace

absl::Status HashFile(int fd, const std::string& path, uint64_t bytes, Sha256* hash,
                      const std::atomic<bool>* stop) {
  std::string buffer(kSliceBytes, '\0');
  for (uint64_t done = 0; done < bytes;) {
    if (stop != nullptr && *stop) {
      return absl::UnavailableError("Reading an object: synergyd or its front goes down");
    }
    const size_t wanted = std::min<uint64_t>(buffer.size(), bytes - done);
    const ssize_t n = pread(fd, buffer.data(), wanted, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Reading", path, errno);
    if (n == 0) return absl::DataLossError(fmt::format("Reading {}: it has shrunk", path));
    hash->Update({buffer.data(), static_cast<size_t>(n)});
    done += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

bool FlushSlices(int fd, uint64_t bytes, const std::atomic<bool>& stop) {
  for (off_t at = 0; static_cast<uint64_t>(at) < bytes; at += kSyncBytes) {
    if (stop) return false;
    sync_file_range(
        fd, at, kSyncBytes,
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  }
  return true;
}

absl::Status HashingCopier::Copy(int from, size_t size, int to, uint64_t at,
                                 const std::string& path, Sha256* hash) {
  if (size > capacity_) {
    buffer_ = std::make_unique_for_overwrite<char[]>(size);
    capacity_ = size;
  }
  std::optional<FollowingHash> following;
  try {
    following.emplace(buffer_.get(), hash);
  } catch (const std::system_error& error) {  // what std::thread knows of a lack of threads
    return absl::ResourceExhaustedError(
        fmt::format("Starting a thread to hash an object: {}", error.what()));
  }
  for (size_t done = 0; done < size;) {
    char* const slice = buffer_.get() + done;
    const size_t wanted = std::min(kSliceBytes, size - done);
    const ssize_t n = pread(from, slice, wanted, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("Reading", "a part of an object", errno);
    if (n == 0) return absl::InvalidArgumentError("Taking a part of an object: it shrank");
    following->Ready(done + static_cast<size_t>(n));
    absl::Status written = PwriteAll(to, {slice, static_cast<size_t>(n)}, at + done, path);
    if (!written.ok()) return written;
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace synergy
