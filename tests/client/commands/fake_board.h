// A board for the tests of transfers.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/run_transfer.h"
#include "tests/client/sample_run.h"
#include "tests/support/fake_clock.h"

namespace synergy {

// A board that holds the sample run. Keeps the daemon's promise: a run that is wholly acknowledged
// is gone.
class FakeBoard : public RunSource {
 public:
  explicit FakeBoard(FakeClock& clock) : clock_(clock) {}

  absl::StatusOr<std::vector<v1::JobStatus>> List() override {
    ++lists;
    if (lost) return absl::UnavailableError("connection refused");
    return jobs;
  }

  absl::StatusOr<v1::QueueState> Queue() override { return queue; }

  absl::StatusOr<v1::JobStatus> Follow(const std::string&, uint64_t from_seq,
                                       const DeviceClient::Follower& follower,
                                       std::stop_token stop) override {
    followed_from.push_back(from_seq);
    if (forgotten) return absl::NotFoundError("no such run");
    if (from_seq > chunks.size()) return absl::OutOfRangeError("fewer chunks");
    for (uint64_t seq = from_seq; seq < chunks.size(); ++seq) {
      if (!breaks_at.empty() && breaks_at.front() == seq) {
        breaks_at.pop_front();
        return absl::UnavailableError("connection reset");
      }
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      clock_.Advance(chunk_every);
      if (before_chunk) before_chunk(seq);
      if (absl::Status sound = VerifyChunkUntrusted(chunks[seq]); !sound.ok()) return sound;
      if (absl::Status status = follower.on_chunk(chunks[seq]); !status.ok()) return status;
    }
    v1::JobStatus last = SampleStatus(final_state);
    last.set_chunks(chunks.size());
    last.set_error(final_error);
    if (absl::Status status = follower.on_status(last); !status.ok()) return status;
    return last;
  }

  absl::Status Acknowledge(const std::string&, uint64_t next_seq) override {
    if (forgotten) return absl::NotFoundError("no such run");
    if (busy_for-- > 0) return absl::ResourceExhaustedError("Too many calls at the same time");
    acknowledged.push_back(next_seq);
    if (is_others) return absl::PermissionDeniedError("it is bob's");
    if (next_seq == chunks.size()) forgotten = true;
    return absl::OkStatus();
  }

  absl::StatusOr<v1::RunTruth> Truth(const std::string& run_id) override {
    if (forgotten) return absl::NotFoundError("no such run");
    v1::RunTruth truth;
    truth.set_run_id(run_id);
    return truth;
  }

  absl::Status Outputs(const std::string&,
                       const std::function<absl::Status(std::string_view part)>& on_part,
                       std::stop_token stop) override {
    if (forgotten) return absl::NotFoundError("no such run");
    for (const std::string& part : output_parts) {
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      if (absl::Status status = on_part(part); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Log(const std::string&,
                   const std::function<absl::Status(std::string_view part)>& on_part) override {
    return forgotten ? absl::NotFoundError("no such run") : on_part(log);
  }

  absl::Status Reconnect() override {
    ++reconnects;
    return away_for-- > 0 ? FromDevice(absl::UnavailableError("refused")) : absl::OkStatus();
  }

  std::vector<v1::Chunk> chunks = SampleChunks();
  std::vector<v1::JobStatus> jobs;  // that it lists
  bool lost = false;                // it cannot be asked for them
  std::deque<uint64_t> breaks_at;   // each breaks the connection once
  Nanoseconds chunk_every = Milliseconds(250);
  std::function<void(uint64_t)> before_chunk;
  v1::JobState final_state = v1::JOB_STATE_DONE;
  std::string final_error;
  std::vector<std::string> output_parts;
  std::string log;
  bool forgotten = false;
  v1::QueueState queue;
  bool is_others = false;  // and not ours to acknowledge
  int away_for = 0;        // reconnects that fail
  int busy_for = 0;        // acknowledgements that are refused for now

  int lists = 0;
  std::vector<uint64_t> followed_from;
  std::vector<uint64_t> acknowledged;
  int reconnects = 0;

 private:
  FakeClock& clock_;
};

}  // namespace synergy
