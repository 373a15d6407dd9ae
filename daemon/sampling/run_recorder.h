// Turns the readings, markers and records of one run into chunks and writes them to the run's
// spool.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "common/priority_mutex.h"
#include "daemon/sampling/record_batcher.h"
#include "daemon/sampling/sampler.h"
#include "daemon/sampling/spool.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-safe. Callers only append to memory: batches (RecordBatcher) are encoded and written by
// the recorder's own thread. What that cannot take in time is dropped by whole batches, counted and
// told in a Notice (code "records_dropped"); its place in the channel's numbering stays empty.
class RunRecorder : public ReadingSink {
 public:
  static constexpr size_t kMaxQueuedBytes = 64u << 20;

  // Fills in header.board.sources, as they are now, and header.channels: numbers the channels of
  // the sampler's sources, in their order, from kFirstSensorChannel on. `on_chunk` is called after
  // each chunk with chunks(): from the writer's thread, for the first and last chunks from Start
  // and Finish. Add the recorder to the sampler as a sink afterwards and remove it before Finish.
  static absl::StatusOr<std::unique_ptr<RunRecorder>> Start(
      v1::RunHeader header, const Sampler& sampler, std::unique_ptr<RunSpool> spool,
      std::function<void(uint64_t chunks)> on_chunk = {});
  // Without Finish the run stays without an end record, as after a crash.
  ~RunRecorder() override;

  void OnReadings(size_t source, const std::vector<ChannelReading>& readings) override;
  void OnGap(size_t source, const v1::Gap& gap) override;
  void OnMarkers(const std::vector<Marker>& markers);
  void OnRecord(const v1::RunRecord& record);

  // Returns once the writer has taken what came so far, but for what is no batch yet: for virtual
  // time, which would otherwise outrun it and lose records.
  void AwaitWriter();
  // The same with all that came so far: after it the spool has it, or status() is an error.
  void Flush();

  // Writes everything that is left and the end record, and syncs the file. Gives the first error of
  // the run; after a write error it still tries to write the end, behind a Notice "spool_failed".
  absl::Status Finish(const v1::RunEnd& end);

  uint64_t chunks() const;
  uint64_t bytes() const { return spool_->bytes(); }  // that are written
  // The first write error, such as ResourceExhausted for a full disk. After it, records are
  // dropped.
  absl::Status status() const;
  // Records dropped so far because the writer was too slow or had failed.
  uint64_t dropped() const;

 private:
  RunRecorder(std::vector<uint32_t> first_channels, std::unique_ptr<RunSpool> spool,
              std::function<void(uint64_t)> on_chunk);

  // Moves what is ready into the writer's queue, or drops it.
  void Enqueue(std::vector<Batch> batches) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write();
  absl::Status WriteBatch(const Batch& batch);
  // Tells what was dropped since it was told last.
  void NoteDropped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StopWriter();

  const std::vector<uint32_t> first_channels_;  // by source; one more at the end
  const std::unique_ptr<RunSpool> spool_;
  const std::function<void(uint64_t)> on_chunk_;

  mutable PriorityMutex mutex_;
  std::counting_semaphore<> work_{0};    // no lock of its own: the sampler releases it
  std::condition_variable_any written_;  // all that was queued
  RecordBatcher batcher_ ABSL_GUARDED_BY(mutex_);
  std::deque<Batch> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // with the batch that is being written
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_told_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread writer_;
};

}  // namespace synergy
