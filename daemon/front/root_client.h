// The front's side of the control channel: requests to synergyd and what it tells by itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/unique_fd.h"
#include "daemon/control/control_channel.h"
#include "daemon/front/job_book.h"
#include "daemon/front/news.h"
#include "synergy/v1/control.pb.h"

namespace synergy {

// What synergyd hands over before anything else.
struct FrontStart {
  struct Listener {
    std::string address;
    UniqueFd socket;
  };
  v1::BoardInfo board;
  UniqueFd telemetry_ring;
  UniqueFd news;
  std::vector<Listener> listeners;
  v1::TlsIdentity tls;  // where one of them is TCP
  uid_t owner = 0;      // who runs synergyd
};

// The first message on `channel`. FailedPrecondition: something else came first, or its descriptors
// do not fit; otherwise as of ControlChannel::Receive.
absl::StatusOr<FrontStart> ReceiveStart(ControlChannel* channel);

// Any number of requests at a time, from any thread, on behalf of the thread's caller
// (CallerScope). Errors are the root side's own; Unavailable where it does not answer in time or is
// gone.
class RootClient {
 public:
  // Hears which clients may come, from the client's own thread.
  using OnClients = std::function<void(const v1::ClientBook&)>;
  // Starts to read from `channel`. `news` outlives the client and hears of every change of a job.
  RootClient(std::unique_ptr<ControlChannel> channel, News& news, Nanoseconds patience = Seconds(5),
             OnClients on_clients = {});
  ~RootClient();
  RootClient(const RootClient&) = delete;
  RootClient& operator=(const RootClient&) = delete;

  absl::StatusOr<v1::JobStatus> Submit(const v1::JobSpec& spec, const UniqueFd& predict_net,
                                       const UniqueFd& init_net);
  absl::StatusOr<v1::JobStatus> Cancel(const std::string& run_id);
  // NotFound says what became of it.
  absl::StatusOr<v1::JobStatus> GetJob(const std::string& run_id);
  absl::Status Acknowledge(const std::string& run_id, uint64_t next_seq);
  absl::StatusOr<UniqueFd> OpenRun(const std::string& run_id);
  absl::StatusOr<UniqueFd> OpenTruth(const std::string& run_id);
  absl::StatusOr<UniqueFd> OpenOutputs(const std::string& run_id);
  absl::StatusOr<UniqueFd> OpenLog(const std::string& run_id);
  absl::StatusOr<v1::QueueState> DescribeQueue();
  absl::StatusOr<v1::DeviceLease> TakeLease(const std::string& id, double for_s);
  absl::Status ReleaseLease(const std::string& id);
  // `wanted`: as of DescribeBoardRequest.engine.
  absl::StatusOr<v1::ControlEvent::Engines> DescribeEngines(const std::string& wanted);
  absl::StatusOr<v1::ControlEvent::Sources> DescribeSources();
  absl::StatusOr<v1::ControlEvent::ObjectState> QueryObject(const v1::ObjectRef& object);
  absl::StatusOr<v1::ControlEvent::Pairing> OpenPairing(v1::Role role);
  // For the audit log: the front itself refuses a call. Waits for an answer, unless several do.
  void TellRefused(const std::string& method, const absl::Status& why);
  // Likewise: a connection from this address has come to nothing. Does not wait for an answer.
  void TellStranger(const std::string& from, const std::string& why);
  // Likewise: a client that is not known, or was revoked, has come. Does not wait for an answer.
  void TellUnknown(const std::string& client);
  absl::StatusOr<v1::QuotaState> GetQuotas();
  absl::StatusOr<v1::QuotaState> SetQuotas(const v1::SetQuotasRequest& what);
  absl::StatusOr<v1::PairResponse> Pair(const v1::PairRequest& request, const std::string& from);
  absl::StatusOr<v1::ClockState> GetClocks(const v1::ControlRequest::GetClocks& what);
  absl::StatusOr<v1::Diagnosis> Diagnose(const v1::DiagnoseRequest& what);

  // The lease on the clocks, as long as it lives. Does not outlive the client.
  class ClockHold;
  absl::StatusOr<std::unique_ptr<ClockHold>> HoldClocks(const v1::ClockRequest& clocks,
                                                        const std::string& holder);

  // A request whose answer nobody waits for yet. Does not outlive the client.
  class Pending;
  // The root side appends the whole file `block` to the object. The file must not change before the
  // answer.
  std::unique_ptr<Pending> StartAppend(const v1::ObjectRef& object, uint64_t offset, int block);
  // Once.
  absl::StatusOr<v1::ControlEvent::ObjectState> AwaitAppend(Pending& pending);

  const JobBook& jobs() const { return jobs_; }
  // Of live power for the role watch, now.
  double watch_rate_hz() const { return watch_rate_hz_; }
  // Waits until jobs() are all that there are, and the quotas are known: before, a run that is not
  // there may only not have been told yet. Unavailable: the root side does not tell them in time,
  // or is gone.
  absl::Status AwaitJobs(Nanoseconds patience) ABSL_LOCKS_EXCLUDED(mutex_);

  // Readable once the root side is gone or sent garbage: nothing works any more, why is in lost().
  int lost_fd() const { return lost_fd_.get(); }
  absl::Status lost() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Answer {
    bool arrived = false;
    v1::ControlEvent event;
    std::vector<UniqueFd> fds;
  };

  void Begin(v1::ControlRequest request, std::span<const int> fds, Nanoseconds patience,
             Pending* pending) ABSL_LOCKS_EXCLUDED(mutex_);
  // The answer, or why there is none. Afterwards nobody waits for it any more.
  absl::StatusOr<Answer> Await(Pending& pending) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Answer> Ask(v1::ControlRequest request, std::span<const int> fds,
                             Nanoseconds patience);
  absl::StatusOr<v1::JobStatus> AskForJob(v1::ControlRequest request, std::span<const int> fds,
                                          Nanoseconds patience);
  absl::StatusOr<UniqueFd> AskForFile(v1::ControlRequest request);
  void Listen() ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeAnswer(v1::ControlEvent event, std::vector<UniqueFd> fds) ABSL_LOCKS_EXCLUDED(mutex_);
  void TakeNews(const v1::ControlEvent& event) ABSL_LOCKS_EXCLUDED(mutex_);
  void Lose(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<ControlChannel> channel_;
  News& news_;
  const Nanoseconds patience_;
  const OnClients on_clients_;
  JobBook jobs_;
  std::atomic<double> watch_rate_hz_ = 0;
  const UniqueFd lost_fd_;
  std::atomic<uint64_t> next_hold_ = 1;
  std::atomic<int> refusals_told_ = 0;
  mutable absl::Mutex mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  // Null: nobody wants the answer, which is to come all the same.
  std::unordered_map<uint64_t, Answer*> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::Status lost_ ABSL_GUARDED_BY(mutex_);
  bool told_all_ ABSL_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

class RootClient::Pending {
 public:
  explicit Pending(RootClient* client) : client_(client) {}
  ~Pending();
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

 private:
  friend class RootClient;

  RootClient* const client_;
  uint64_t id_ = 0;  // 0: nobody is asked
  Answer answer_;    // guarded by the client's mutex
  absl::Status sent_;
  Nanoseconds patience_;
};

class RootClient::ClockHold {
 public:
  ~ClockHold();  // returns when everything is put back, or the root side does not answer
  ClockHold(const ClockHold&) = delete;
  ClockHold& operator=(const ClockHold&) = delete;

  const v1::ClockLease& lease() const { return lease_; }
  // Ends it, once: what came of putting everything back.
  absl::StatusOr<v1::ClockRelease> Release();

 private:
  friend class RootClient;
  ClockHold(RootClient* client, uint64_t number) : client_(client), number_(number) {}

  RootClient* const client_;
  const uint64_t number_;
  bool released_ = false;
  v1::ClockLease lease_;
};

}  // namespace synergy
