#include "daemon/front/run_follower.h"

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr Nanoseconds kStatusPeriod = Milliseconds(200);
// A message costs gRPC about 10 us whatever its size, and chunks of a calm run are below 1 KiB.
constexpr size_t kBatchBytes = 256u << 10;

absl::Status ReaderGone() { return absl::CancelledError("The client is gone"); }

}  // namespace

RunFollower::RunFollower(RootClient& root, const News& news, Clock& clock)
    : root_(root), news_(news), clock_(clock) {}

absl::Status RunFollower::Open(const v1::JobStatus& job) {
  // A waiting job has no spool yet, and one that was cancelled while it waited never gets one.
  if (job.state() == v1::JOB_STATE_QUEUED || (HasEnded(job) && job.chunks() <= next_seq_)) {
    return absl::OkStatus();
  }
  absl::StatusOr<UniqueFd> file = root_.OpenRun(job.run_id());
  if (!file.ok()) {
    // Between the news that a job runs and its first chunk there may be no file.
    const bool early = !HasEnded(job) && root_.lost().ok();
    return early && (absl::IsUnavailable(file.status()) || absl::IsNotFound(file.status()))
               ? absl::OkStatus()
               : file.status();
  }
  SpoolReader reader(*std::move(file));
  if (absl::Status status = reader.SeekToSeq(next_seq_); !status.ok()) return status;
  spool_ = std::move(reader);
  return absl::OkStatus();
}

absl::Status RunFollower::ReadBatch() {
  item_.Clear();
  for (size_t bytes = 0; bytes < kBatchBytes;) {
    v1::Chunk* chunk = item_.add_chunks();
    absl::StatusOr<bool> got = spool_->Next(chunk);
    if (!got.ok() || !*got) {
      item_.mutable_chunks()->RemoveLast();
      return got.status();
    }
    bytes += chunk->data().size();
  }
  return absl::OkStatus();
}

absl::Status RunFollower::SendChunks(FollowSink& sink, bool* more) {
  *more = false;
  if (!spool_) return absl::OkStatus();
  const MonotonicTime until = clock_.Now() + kStatusPeriod;
  do {
    const absl::Status read = ReadBatch();
    if (item_.chunks_size() > 0 && !sink.Send(item_)) return ReaderGone();
    if (!read.ok()) return read;
    if (item_.chunks_size() == 0) return absl::OkStatus();
    next_seq_ += static_cast<uint64_t>(item_.chunks_size());
  } while (clock_.Now() < until);
  *more = true;
  return absl::OkStatus();
}

absl::Status RunFollower::SendStatusIfDue(const v1::JobStatus& job, FollowSink& sink) {
  const MonotonicTime now = clock_.Now();
  if (job.state() == sent_state_ && now < next_status_) return absl::OkStatus();
  std::string bytes = job.SerializeAsString();
  if (bytes == sent_status_) return absl::OkStatus();
  v1::FollowJobResponse item;
  *item.mutable_status() = job;
  if (!sink.Send(item)) return ReaderGone();
  sent_status_ = std::move(bytes);
  sent_state_ = job.state();
  next_status_ = now + kStatusPeriod;
  return absl::OkStatus();
}

absl::Status RunFollower::Follow(const std::string& run_id, uint64_t from_seq, Nanoseconds pause,
                                 FollowSink& sink) {
  const std::shared_ptr<const TrackedJob> tracked = root_.jobs().Find(run_id);
  if (!tracked) {
    const absl::Status gone = root_.GetJob(run_id).status();
    return gone.ok() ? absl::UnavailableError("The run is only just known: follow it again") : gone;
  }
  next_seq_ = from_seq;
  MonotonicTime next_chunks = clock_.Now();
  while (!sink.Cancelled()) {
    const uint64_t seen = news_.count();
    // Before the spool: when this says that the job has ended, the spool is complete.
    const v1::JobStatus job = tracked->status();
    const bool ended = HasEnded(job);
    if (ended && next_seq_ > job.chunks()) {
      return absl::OutOfRangeError(fmt::format(
          "Run {} has {} chunks on this device, and {} were asked for: the device lost its "
          "end, as a power cut does",
          run_id, job.chunks(), next_seq_));
    }
    if (!ended) {
      if (absl::Status status = SendStatusIfDue(job, sink); !status.ok()) return status;
    }
    if (!spool_) {
      if (absl::Status status = Open(job); !status.ok()) return status;
    }
    if (ended || clock_.Now() >= next_chunks) {
      bool more = false;
      if (absl::Status status = SendChunks(sink, &more); !status.ok()) return status;
      if (more) continue;
      next_chunks = clock_.Now() + pause;
    }
    if (ended && next_seq_ < job.chunks()) {
      return absl::DataLossError(fmt::format("The records of run {} end at chunk {} of {}", run_id,
                                             next_seq_, job.chunks()));
    }
    if (ended) {
      item_.Clear();
      *item_.mutable_status() = job;
      return sink.Send(item_) ? absl::OkStatus() : ReaderGone();
    }
    if (news_.stopped())
      return absl::UnavailableError("The daemon goes down; follow the run again");
    if (absl::Status lost = root_.lost(); !lost.ok()) return lost;
    // Each chunk is news, and to be woken by each is what a pause is to spare.
    pause.count > 0 ? news_.WaitForStop(kStatusPeriod) : news_.Wait(seen, kStatusPeriod);
  }
  return ReaderGone();
}

}  // namespace synergy
