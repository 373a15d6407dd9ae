// What of the daemon is looked at when its board is diagnosed. The rest of it is in daemon.cc.
#include "daemon/daemon.h"
#include "daemon/lease_restorer.h"
#include "daemon/power/real_board.h"

namespace synergy {
namespace {

std::string RunningJob(const JobQueue& queue) {
  for (const v1::JobStatus& job : queue.List()) {
    if (job.state() == v1::JOB_STATE_RUNNING) return job.run_id();
  }
  return "";
}

}  // namespace

DiagnosisSubject Daemon::WhatToDiagnose() const {
  DiagnosisSubject subject;
  subject.board = board_.info;
  subject.sources = [this] { return sampler_->DescribeSources(); };
  subject.sysfs = options_.sysfs_root;
  subject.state_dir = state_.path();
  subject.restore_by_hand = RestoreByHand(state_.path(), options_.sysfs_root);
  subject.lease_folders[0] = LeaseFolder(state_.path());
  if (board_.simulation == nullptr) {
    const absl::StatusOr<BoardProfile> profile =
        BoardProfileOf(board_.info.name(), options_.sysfs_root);
    if (profile.ok()) subject.recognised_by = SignsOf(*profile, options_.sysfs_root);
  } else {
    subject.lease_folders[1] = LeaseFolder(SimulatedClockFolder(state_.path()));
  }
  subject.kills_by_cgroup = cgroup_ != nullptr;
  subject.ask_machine = [this] { return AskMachine(options_.sysfs_root, state_.path()); };
  subject.engines = [this] { return queue_->DescribeEngines(""); };
  subject.running_job = [this] { return RunningJob(*queue_); };
  subject.clocks = clocks_.get();
  subject.clock = &RealClock();
  return subject;
}

}  // namespace synergy
