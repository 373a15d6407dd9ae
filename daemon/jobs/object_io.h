// Moving the bytes of objects: hashing, copying and flushing files.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/sha256.h"

namespace synergy {

// Feeds `hash` with the first `bytes` of the file. DataLoss: it is shorter; Unavailable: `stop`
// (may be null) became true.
absl::Status HashFile(int fd, const std::string& path, uint64_t bytes, Sha256* hash,
                      const std::atomic<bool>* stop);

// Flushes the file in slices, so that a stop need not wait for all of it. False: stopped. Errors
// show again in fsync, which counts.
bool FlushSlices(int fd, uint64_t bytes, const std::atomic<bool>& stop);

// Keeps its memory, as much as the longest copy so far needed, for the next copy.
class HashingCopier {
 public:
  // Writes the first `size` bytes of `from`, which others may change meanwhile, to `path`, open as
  // `to`, from `at` on. What is written is what `hash` is fed with, on a thread that lives as long
  // as this call. After an error both hold some of it. InvalidArgument: `from` is shorter.
  absl::Status Copy(int from, size_t size, int to, uint64_t at, const std::string& path,
                    Sha256* hash);

 private:
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
};

}  // namespace synergy
