#include "daemon/sampling/run_recorder.h"

#include <fmt/format.h>
#include <pthread.h>

#include <mutex>
#include <utility>

#include "common/records/chunk.h"
#include "common/records/markers.h"
#include "common/records/readings.h"
#include "common/run_codes.h"

namespace synergy {
namespace {

v1::RunRecord NoticeRecord(int64_t at_ns, NoticeCode code, const std::string& text) {
  v1::RunRecord record;
  record.mutable_notice()->set_at_ns(at_ns);
  record.mutable_notice()->set_code(std::string(CodeName(code)));
  record.mutable_notice()->set_text(text);
  return record;
}

std::string DroppedText(uint64_t records) {
  return records == 1 ? "1 record was" : fmt::format("{} records were", records);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunRecorder>> RunRecorder::Start(
    v1::RunHeader header, const Sampler& sampler, std::unique_ptr<RunSpool> spool,
    std::function<void(uint64_t chunks)> on_chunk) {
  const std::vector<v1::SourceInfo> sources = sampler.DescribeSources();
  header.mutable_board()->mutable_sources()->Assign(sources.begin(), sources.end());
  header.clear_channels();
  std::vector<uint32_t> first_channels;
  uint32_t next = kFirstSensorChannel;
  for (size_t i = 0; i < sampler.source_count(); ++i) {
    first_channels.push_back(next);
    for (const v1::ChannelInfo& channel : sampler.source(i).channels()) {
      *header.add_channels() = channel;
      header.mutable_channels()->rbegin()->set_channel(next++);
    }
  }
  first_channels.push_back(next);
  // Written here and not in the thread, so that a disk that is full from the start is told at once.
  v1::RunRecord record;
  const int64_t begin_ns = header.begin_ns();
  *record.mutable_header() = std::move(header);
  absl::Status status =
      spool->Append(kRunRecordsChannel, 0, 1, v1::ENCODING_RUN_RECORDS, EncodeRunRecords({record}));
  if (!status.ok()) return status;
  if (on_chunk) on_chunk(spool->chunks());
  std::unique_ptr<RunRecorder> recorder(
      new RunRecorder(std::move(first_channels), std::move(spool), std::move(on_chunk)));
  for (size_t i = 0; i < sampler.source_count(); ++i) {
    if (absl::Status gone = sampler.source_status(i); !gone.ok()) {
      recorder->OnRecord(NoticeRecord(
          begin_ns, NoticeCode::kSourceStopped,
          fmt::format("{} is not read: {}", sampler.source(i).name(), gone.ToString())));
    }
  }
  return recorder;
}

RunRecorder::RunRecorder(std::vector<uint32_t> first_channels, std::unique_ptr<RunSpool> spool,
                         std::function<void(uint64_t)> on_chunk)
    : first_channels_(std::move(first_channels)),
      spool_(std::move(spool)),
      on_chunk_(std::move(on_chunk)),
      batcher_(first_channels_.back() - kFirstSensorChannel, first_channels_.size() - 1,
               /*records_so_far=*/1),
      writer_([this] { Write(); }) {}

RunRecorder::~RunRecorder() { StopWriter(); }

void RunRecorder::OnReadings(size_t source, const std::vector<ChannelReading>& readings) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  for (const ChannelReading& r : readings) {
    const uint32_t channel = first_channels_[source] + r.channel;
    if (channel < first_channels_[source + 1]) batcher_.AddReading(channel, r.reading);
  }
  Enqueue(batcher_.TakeReady());
}

void RunRecorder::OnGap(size_t source, const v1::Gap& gap) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  batcher_.AddGap(source, gap);
  Enqueue(batcher_.TakeReady());
}

void RunRecorder::OnMarkers(const std::vector<Marker>& markers) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  for (const Marker& marker : markers) batcher_.AddMarker(marker);
  Enqueue(batcher_.TakeReady());
}

void RunRecorder::OnRecord(const v1::RunRecord& record) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  batcher_.AddRecord(record);
  Enqueue(batcher_.TakeReady());
}

void RunRecorder::Enqueue(std::vector<Batch> batches) {
  if (batches.empty()) return;
  for (Batch& batch : batches) {
    const size_t bytes = batch.bytes();
    // Run records are few and say what happened: they may take as much again.
    const size_t limit =
        batch.channel == kRunRecordsChannel ? 2 * kMaxQueuedBytes : kMaxQueuedBytes;
    if (!status_.ok() || queued_bytes_ + bytes > limit) {
      dropped_ += batch.count();
      continue;
    }
    queued_bytes_ += bytes;
    queue_.push_back(std::move(batch));
  }
  work_.release();
}

void RunRecorder::Write() {
  pthread_setname_np(pthread_self(), "recorder");
  std::unique_lock lock(mutex_);
  while (!queue_.empty() || !stopping_) {
    if (queue_.empty()) {
      lock.unlock();
      work_.acquire();
      lock.lock();
      continue;
    }
    const Batch batch = std::move(queue_.front());
    queue_.pop_front();
    const bool failed = !status_.ok();
    lock.unlock();
    const absl::Status written = failed ? absl::OkStatus() : WriteBatch(batch);
    lock.lock();
    queued_bytes_ -= batch.bytes();
    if (failed || !written.ok()) dropped_ += batch.count();
    if (!written.ok()) status_ = written;
    if (queue_.empty()) NoteDropped();
    if (queued_bytes_ == 0) written_.notify_all();
  }
}

absl::Status RunRecorder::WriteBatch(const Batch& batch) {
  std::string data;
  v1::Encoding encoding;
  if (const auto* readings = std::get_if<std::vector<Reading>>(&batch.records)) {
    data = EncodeReadings(*readings);
    encoding = v1::ENCODING_READINGS;
  } else if (const auto* markers = std::get_if<std::vector<Marker>>(&batch.records)) {
    data = EncodeMarkers(*markers);
    encoding = v1::ENCODING_MARKERS;
  } else {
    data = EncodeRunRecords(std::get<std::vector<v1::RunRecord>>(batch.records));
    encoding = v1::ENCODING_RUN_RECORDS;
  }
  absl::Status status =
      spool_->Append(batch.channel, batch.first_sequence, batch.count(), encoding, std::move(data));
  if (status.ok() && on_chunk_) on_chunk_(spool_->chunks());
  return status;
}

void RunRecorder::NoteDropped() {
  if (!status_.ok() || dropped_ == dropped_told_) return;
  batcher_.AddRecord(
      NoticeRecord(batcher_.now_ns(), NoticeCode::kRecordsDropped,
                   fmt::format("{} dropped: {} could not be written as fast as they came",
                               DroppedText(dropped_ - dropped_told_), spool_->path())));
  dropped_told_ = dropped_;
  if (!stopping_) Enqueue(batcher_.TakeReady());  // else Finish takes it
}

void RunRecorder::AwaitWriter() {
  std::unique_lock lock(mutex_);
  written_.wait(lock, [this] { return queued_bytes_ == 0; });
}

void RunRecorder::Flush() {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) Enqueue(batcher_.TakeAll());
  }
  AwaitWriter();
}

void RunRecorder::StopWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.release();
  }
  if (writer_.joinable()) writer_.join();
}

absl::Status RunRecorder::Finish(const v1::RunEnd& end) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return absl::FailedPreconditionError("the run's records are finished already");
    Enqueue(batcher_.TakeAll());
    stopping_ = true;  // nothing comes behind the end record
  }
  StopWriter();
  absl::Status status;
  std::vector<Batch> rest;
  {
    const std::lock_guard lock(mutex_);
    status = status_;
    if (!status.ok()) {
      batcher_.AddRecord(NoticeRecord(
          batcher_.now_ns(), NoticeCode::kSpoolFailed,
          fmt::format("{} dropped: {}", DroppedText(dropped_), std::string(status.message()))));
    }
    v1::RunRecord last;
    *last.mutable_end() = end;
    batcher_.AddRecord(std::move(last));
    rest = batcher_.TakeAll();
  }
  for (const Batch& batch : rest) status.Update(WriteBatch(batch));
  status.Update(spool_->Finish());
  const std::lock_guard lock(mutex_);
  status_ = status;
  return status;
}

uint64_t RunRecorder::chunks() const { return spool_->chunks(); }

absl::Status RunRecorder::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

uint64_t RunRecorder::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace synergy
