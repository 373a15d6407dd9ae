// Turns the readings, markers and records of one run into chunks and writes them to the run's
// spool.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-safe. Callers only append to memory: batches are encoded and written by the recorder's own
// thread. A batch ends at kBatchRecords records, or when its first record is kBatchAge older than
// the newest stamp that the recorder was given; run records go at once. What the writer cannot take
// in time is dropped by whole batches, counted and told in a Notice (code "records_dropped"); its
// place in the channel's numbering stays empty. Successive gaps of one source and cause are joined.
class RunRecorder : public ReadingSink {
 public:
  static constexpr size_t kBatchRecords = 512;
  static constexpr Nanoseconds kBatchAge = Milliseconds(100);
  static constexpr size_t kMaxQueuedBytes = 64u << 20;

  // Fills in header.channels: numbers the channels of the sampler's sources, in their order, from
  // kFirstSensorChannel on. `on_chunk` is called from the writer's thread after each chunk with
  // chunks(). Add the recorder to the sampler as a sink afterwards and remove it before Finish.
  static absl::StatusOr<std::unique_ptr<RunRecorder>> Start(
      v1::RunHeader header, const Sampler& sampler, std::unique_ptr<RunSpool> spool,
      std::function<void(uint64_t chunks)> on_chunk = {});
  // Without Finish the run stays without an end record, as after a crash.
  ~RunRecorder() override;

  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override;
  void OnGap(size_t source, const v1::Gap& gap) override;
  void OnMarkers(const std::vector<Marker>& markers);
  void OnRecord(const v1::RunRecord& record);

  // Writes everything that is left and the end record, and syncs the file. The first error of the
  // run.
  absl::Status Finish(const v1::RunEnd& end);

  uint64_t chunks() const;
  // The first write error, such as ResourceExhausted for a full disk. After it, records are
  // dropped.
  absl::Status status() const;
  // Records dropped so far because the writer was too slow or had failed.
  uint64_t dropped() const;

 private:
  struct State;
  explicit RunRecorder(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace synergy
