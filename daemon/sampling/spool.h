// A run's spool, whose format and reader are in common/records/spool_reader.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/records/spool_reader.h"
#include "common/unique_fd.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What one run may take of the disk.
struct SpoolLimits {
  uint64_t max_bytes = UINT64_MAX;
  // What must stay free on its disk, looked at every kFreeCheckBytes.
  uint64_t min_free_bytes = 0;
};

// Writes a spool. One thread appends; chunks() and bytes() may be asked by any.
class RunSpool {
 public:
  static constexpr uint64_t kFreeCheckBytes = uint64_t{1} << 20;

  // Creates `path`; AlreadyExists where it is there.
  static absl::StatusOr<std::unique_ptr<RunSpool>> Create(const std::string& path,
                                                          SpoolLimits limits = {});
  // Goes on behind the last whole, undamaged chunk of a spool that a dead process left, and cuts
  // off what follows it. Creates `path` where it is missing.
  static absl::StatusOr<std::unique_ptr<RunSpool>> Reopen(const std::string& path);

  // Numbers the chunk itself. One write call. On an error nothing is left of the chunk and its
  // number is used again. ResourceExhausted: disk or quota is full, or a
  // limit was reached; the text names the file.
  absl::Status Append(uint32_t channel, uint64_t first_sequence, uint32_t count,
                      v1::Encoding encoding, std::string data);

  // Chunks written: the next one has this seq.
  uint64_t chunks() const { return chunks_.load(std::memory_order_acquire); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // of them, as written
  const std::string& path() const { return path_; }

  // fsync and close. No Append afterwards.
  absl::Status Finish();

 private:
  RunSpool(std::string path, UniqueFd fd, SpoolLimits limits)
      : path_(std::move(path)), limits_(limits), fd_(std::move(fd)) {}
  absl::Status CheckLimits(uint64_t more);

  const std::string path_;
  const SpoolLimits limits_;
  UniqueFd fd_;
  std::atomic<uint64_t> bytes_ = 0;  // of whole frames
  uint64_t next_check_ = 0;          // of the free space, in bytes_
  std::atomic<uint64_t> chunks_ = 0;
};

}  // namespace synergy
