// What the queue asks of whoever runs a job, so that the queue can be tested without engines.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/jobs/run_folder.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Asks a running job to end. Thread-safe; a descriptor, so that poll() sees it at once.
class CancelToken {
 public:
  CancelToken();
  ~CancelToken();
  CancelToken(const CancelToken&) = delete;
  CancelToken& operator=(const CancelToken&) = delete;

  // The first call's reason stays. `interrupted`: not because somebody wanted this job to end.
  void Cancel(std::string reason, bool interrupted = false);
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // "" until cancelled() is true.
  std::string reason() const { return cancelled() ? reason_ : std::string(); }
  bool interrupted() const { return cancelled() && interrupted_; }
  // Readable once cancelled; nobody reads from it.
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  std::atomic<bool> claimed_{false};
  std::atomic<bool> cancelled_{false};
  std::string reason_;
  bool interrupted_ = false;
};

// Where a running job stands.
struct JobProgress {
  v1::Phase phase = v1::PHASE_UNSPECIFIED;
  uint32_t iteration = 0;
  double power_w = 0;          // of the top rail, 0 while unknown
  uint64_t chunks = 0;         // in the spool
  double hottest_c = 0;        // while it cools
  std::string waits_for = {};  // as JobStatus says
  double widest_interval = 0;  // as JobStatus says
};
using ProgressCallback = std::function<void(const JobProgress&)>;

struct JobOutcome {
  v1::JobState state = v1::JOB_STATE_FAILED;  // DONE, FAILED or CANCELLED
  std::string error;                          // why not DONE
  uint64_t chunks = 0;  // in the spool, a RunEnd among them where it could be written
  bool has_truth = false;
  bool has_outputs = false;  // RunFolder::Outputs() is there, whole
  v1::Verdict verdict = v1::VERDICT_INVALID;
  std::vector<std::string> reasons = {};  // of the verdict
};

class JobExecutor {
 public:
  virtual ~JobExecutor() = default;
  // Runs the job to its end and returns when its records are complete and durable. Always called by
  // the same thread. Ends within 2 s of cancel.Cancel().
  virtual JobOutcome Execute(const v1::JobStatus& job, const RunFolder& folder,
                             const CancelToken& cancel, const ProgressCallback& progress) = 0;
};

}  // namespace synergy
