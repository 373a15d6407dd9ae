// A run's spool: one append-only file of frames [u32 little-endian length][serialized Chunk]. A
// frame that was cut off by a crash or a full disk is no frame: readers stop before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Of a frame, before its chunk.
inline constexpr size_t kSpoolLengthBytes = 4;

// Reads a spool by pread, also while it grows. Thread-compatible.
class SpoolReader {
 public:
  explicit SpoolReader(UniqueFd fd) : fd_(std::move(fd)) {}

  // False: there is no whole further frame now; ask again when the file has grown. DataLoss: what
  // stands here is no chunk, or its seq is not the next; the reader stays where it is.
  absl::StatusOr<bool> Next(v1::Chunk* out);

  // The next Next gives the chunk with this seq; it may be the first that is not there yet.
  // OutOfRange beyond that.
  absl::Status SeekToSeq(uint64_t seq);

  // Where the next chunk's frame begins, and its seq.
  uint64_t offset() const { return offset_; }
  uint64_t next_seq() const { return next_seq_; }

 private:
  // The length of the whole frame at offset_, 0 where there is none yet.
  absl::StatusOr<uint32_t> WholeFrame() const;

  UniqueFd fd_;
  uint64_t offset_ = 0;
  uint64_t next_seq_ = 0;
};

}  // namespace synergy
