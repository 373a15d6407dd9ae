// The jobs of a job file on one board: sends them, brings their records, and begins again those
// that a crash interrupted. Where it stands is in the store at any instant, so that whatever dies,
// a later Sweep of the same file goes on from there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/board_link.h"
#include "client/commands/run_meter.h"
#include "client/commands/sweep_jobs.h"
#include "client/commands/sweep_plan.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"

namespace synergy {

struct SweepOptions {
  std::string host;
  std::string store_path;
  bool wait = false;   // until all has ended; otherwise until the board has queued what it takes
  bool watch = false;  // shows each run while it is received, where there is a terminal
  OpenSweep open = OpenSweep::kTakeUp;
};

// One thread uses it.
class Sweep {
 public:
  // Jobs that wait on the board while one is received, with `wait`; none beside a meter, which is
  // there for one run.
  static constexpr size_t kAhead = 4;

  // `plan` outlives it.
  Sweep(const SweepPlan& plan, SweepOptions options) : plan_(plan), options_(std::move(options)) {}

  // Errors say how the command ends; Cancelled: `stop`. What was reached by then stays.
  absl::Status Run(std::stop_token stop);

  // After Run, whatever came of it.
  const StoredSweep& stored() const { return stored_; }
  const std::vector<SweepJob>& jobs() const { return jobs_; }
  const std::string& board_name() const { return board_name_; }

 private:
  absl::Status Open();
  // Also what the points are made of.
  absl::StatusOr<FileHashes> CheckPoints();
  absl::StatusOr<Job> Prepare(size_t job);
  absl::Status LoadJobs();
  // Sends the next job, if there is one to be sent. False: there is none, or the board takes none
  // now.
  absl::StatusOr<bool> SendNext(std::stop_token stop);
  absl::Status Send(size_t job, const std::string& token, std::stop_token stop);
  absl::Status ReceiveOldest(std::stop_token stop);
  absl::Status Receive(size_t job, std::stop_token stop);
  // What came of a job's outputs, or of its meter: it keeps no other job from being measured.
  void NoteBeside(size_t job, const absl::Status& status);
  absl::Status RunToTheEnd(std::stop_token stop);
  absl::Status Step(std::stop_token stop, bool* done);
  void Announce(size_t job);

  const SweepPlan& plan_;
  const SweepOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<BoardLink> link_;
  std::optional<RunClaim> claim_;
  StoredSweep stored_;
  std::string board_name_;
  std::vector<SweepJob> jobs_;
  absl::Status no_room_;                         // why the board took no job when it was asked last
  std::map<size_t, size_t> interrupted_before_;  // by job, when Run began
  std::optional<uint32_t> prepared_point_;
  Job prepared_;
  std::map<uint32_t, std::vector<std::string>> outputs_;  // of the networks, by point
  std::unique_ptr<MeterSession> meter_;                   // of the job that was sent last
  bool watch_ = false;                                    // until the user quits it
  absl::Status beside_;                                   // the first of NoteBeside
};

}  // namespace synergy
