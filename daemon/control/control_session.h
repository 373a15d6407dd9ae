// The root side of one front's control channel: its requests, its answers, its news.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "daemon/access/access_folder.h"
#include "daemon/control/clock_holds.h"
#include "daemon/control/control_channel.h"
#include "daemon/control/work_lane.h"
#include "daemon/jobs/job_queue.h"
#include "synergy/v1/control.pb.h"

namespace synergy {

// Thread-safe.
class ControlSession {
 public:
  // Submissions that may wait while one is being copied; the front bounds what memory they hold.
  static constexpr size_t kMaxSubmissions = 64;
  // Parts of objects, and questions after objects, that may wait while one is being written.
  static constexpr size_t kMaxAppends = 64;
  // Engines that may wait while one is asked.
  static constexpr size_t kMaxAsked = 4;
  // Requests about clocks that may wait while one is being met.
  static constexpr size_t kMaxClockWork = 64;
  // Diagnoses that may wait while one is made.
  static constexpr size_t kMaxDiagnoses = 4;

  // Says what the board can measure and what it lacks; from one thread, takes a second.
  using Diagnose = std::function<v1::Diagnosis(const v1::DiagnoseRequest&)>;

  // The board's power sources as they are now; thread-safe, takes no time.
  using DescribeSources = std::function<std::vector<v1::SourceInfo>()>;

  // `queue`, `clocks` (null: this daemon has none), `diagnose` (empty: it makes no diagnoses),
  // `sources` and `access` (null: no clients come over TCP) outlive the session.
  ControlSession(UniqueFd socket, JobQueue& queue, ClockControl* clocks, const Diagnose& diagnose,
                 const DescribeSources& sources, AccessFolder* access);
  ~ControlSession();

  // First, before any news.
  absl::Status SendStart(const v1::ControlEvent& start, std::span<const int> fds);
  // Answers requests until the front is gone or misbehaves; the reason. Once.
  absl::Status Run();
  // Waits until all news are sent, for `patience` at most.
  void Flush(Nanoseconds patience);
  // Ends Run, for good.
  void Close();

  // News; they replace older ones of the same job that were not sent yet. Never wait.
  void TellJob(const v1::JobStatus& job);
  void TellRemoved(const std::string& run_id);
  void TellClients();
  void TellQuotas();

 private:
  void SendNews();
  absl::Status Handle(const v1::ControlRequest& request, std::vector<UniqueFd> fds);
  void Dispatch(const v1::ControlRequest& request, std::vector<UniqueFd> fds);
  void DispatchAccess(const v1::ControlRequest& request);
  void HandleSubmit(const v1::ControlRequest& request, std::vector<UniqueFd> fds);
  void HandleAppend(const v1::ControlRequest& request, UniqueFd file);
  void HandleQuery(const v1::ControlRequest& request);
  void HandleEngines(const v1::ControlRequest& request);
  void HandleClocks(const v1::ControlRequest& request);
  void HandleDiagnose(const v1::ControlRequest& request);
  void HandlePair(const v1::ControlRequest& request);
  void HandleOpenPairing(const v1::ControlRequest& request);
  void HandleSetQuotas(const v1::ControlRequest& request);
  // Whether who asks may; where not, that was answered. What the audit log is to say of it waits
  // for the answer.
  bool MayAsk(const v1::ControlRequest& request);
  void Audit(const v1::ControlEvent& answer);
  JobOwner OwnerOf(const v1::ControlRequest& request) const;
  v1::ControlEvent ClientsNow() const;
  v1::ControlEvent QuotasNow() const;
  void AnswerQueue(uint64_t id);
  void AnswerQuotas(const v1::ControlRequest& request);
  void AnswerLease(const v1::ControlRequest& request);
  void AnswerSources(uint64_t id);
  void AnswerJob(uint64_t id, const absl::StatusOr<v1::JobStatus>& job);
  void AnswerObject(uint64_t id, const absl::StatusOr<ObjectState>& object);
  void AnswerEngines(uint64_t id, const std::vector<v1::EngineInfo>& engines);
  void AnswerFile(uint64_t id, const absl::StatusOr<UniqueFd>& file);
  void Answer(uint64_t id, const absl::Status& status);
  // ResourceExhausted: the event is too long and was left out. After any other error the channel
  // is at its end.
  absl::Status Send(const v1::ControlEvent& event, std::span<const int> fds = {});
  void Tell(v1::ControlEvent event, const std::string& run_id);

  ControlChannel channel_;
  JobQueue& queue_;
  const Diagnose& diagnose_;
  const DescribeSources& sources_;
  AccessFolder* const access_;
  ClockHolds holds_;  // of the thread of clock_work_ alone; they end with the front
  std::atomic<bool> stop_working_ = false;  // ends a copy of many GiB that is under way
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;  // news, right now
  std::deque<std::pair<std::string, v1::ControlEvent>> news_ ABSL_GUARDED_BY(mutex_);  // by run
  std::map<uint64_t, AuditEntry> asked_for_ ABSL_GUARDED_BY(mutex_);                   // by request
  std::jthread sender_;
  WorkLane submissions_;  // copying a net takes long
  WorkLane appends_;      // so does writing an object, or hashing it again
  WorkLane asked_;        // and until an engine greets
  WorkLane clock_work_;   // and setting clocks
  WorkLane diagnoses_;    // and watching the load
};

}  // namespace synergy
