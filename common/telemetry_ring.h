// The shared-memory ring in which synergyd leaves live power for synergyd-front: one writer, any
// number of readers, none of which can hold up or disturb the writer. The oldest records are
// overwritten.
//
// One sealed memfd (an unlinked file where the kernel has none): TelemetryHeader |
// Slot[kTelemetrySlots]. Each slot is guarded by a sequence lock: its version is 2p + 1 while
// record p is being written and 2p + 2 afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

inline constexpr uint64_t kTelemetrySlots = 4096;  // 41 s at 100 records a second
inline constexpr uint32_t kMaxTelemetryRails = 16;
inline constexpr uint32_t kTelemetryVersion = 2;

struct TelemetryRail {
  double min_w = 0;
  double mean_w = 0;
  double max_w = 0;
  uint64_t readings = 0;  // 0: none in this span, the powers mean nothing
};

// Plain data: copied word by word.
struct TelemetryRecord {
  int64_t begin_ns = 0;  // CLOCK_MONOTONIC of the device
  int64_t end_ns = 0;
  char run_id[40] = {};  // NUL-terminated; empty: no job
  uint32_t phase = 0;    // synergy.v1.Phase
  uint32_t iteration = 0;
  uint32_t op = 0;
  uint32_t in_operator = 0;  // 0: op means nothing
  uint32_t rail_count = 0;
  uint32_t reserved = 0;
  uint64_t daemon_cpu_ns = 0;  // that synergyd had used when the record was closed
  TelemetryRail rails[kMaxTelemetryRails];
};
static_assert(sizeof(TelemetryRecord) % sizeof(uint64_t) == 0);

// Thread-compatible.
class TelemetryRingWriter {
 public:
  // InvalidArgument where there are more than kMaxTelemetryRails or a name is longer than 31 bytes.
  static absl::StatusOr<TelemetryRingWriter> Create(const std::vector<std::string>& rails);
  TelemetryRingWriter(TelemetryRingWriter&& other) noexcept;
  TelemetryRingWriter& operator=(TelemetryRingWriter&& other) noexcept;
  ~TelemetryRingWriter();

  // A read-only descriptor of the ring, to be passed on. Owned by the writer.
  int fd() const { return read_only_fd_.get(); }
  void Write(const TelemetryRecord& record);

 private:
  TelemetryRingWriter(void* base, UniqueFd read_only_fd)
      : base_(base), read_only_fd_(std::move(read_only_fd)) {}
  void* base_ = nullptr;
  UniqueFd read_only_fd_;
  uint64_t next_ = 0;
};

// Thread-safe: it only reads shared memory.
class TelemetryRingReader {
 public:
  // Maps the ring behind `fd`, which may be closed afterwards. DataLoss: it is no telemetry ring.
  static absl::StatusOr<TelemetryRingReader> Map(int fd);
  TelemetryRingReader(TelemetryRingReader&& other) noexcept;
  TelemetryRingReader& operator=(TelemetryRingReader&& other) noexcept;
  ~TelemetryRingReader();

  const std::vector<std::string>& rails() const { return rails_; }
  // Records written so far: where a reader that wants only new ones starts.
  uint64_t head() const;

  // Appends the records from *position on, at most `limit`, and moves *position behind them.
  // Records that were overwritten before they could be read are left out and added to *lost.
  void Read(uint64_t* position, size_t limit, std::vector<TelemetryRecord>* out,
            uint64_t* lost) const;

 private:
  TelemetryRingReader(const void* base, std::vector<std::string> rails)
      : base_(base), rails_(std::move(rails)) {}
  const void* base_ = nullptr;
  std::vector<std::string> rails_;
};

}  // namespace synergy
