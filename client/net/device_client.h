// A connection to a board's daemon: the service of proto/synergy/v1/device.proto as plain calls,
// without a gRPC type in sight.
//
// Errors keep the daemon's canonical code and text. Unavailable: the daemon was not reached, or
// stopped; everything can be asked again, from a new Connect where the connection does not come
// back by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/net/host_address.h"
#include "common/clock.h"
#include "common/clock_comparison/round_trips.h"
#include "synergy/v1/access.pb.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-safe: calls from several threads share the connection.
class DeviceClient {
 public:
  // `host` is unix:PATH or NAME[:PORT] (port 7741; an IPv6 address in brackets), the name resolved
  // as the system does it; over TCP it is TLS, by the pairing with the board that is found there
  // (client/net/pairings.h). Checks before anything else that something listens there, with an
  // error that says what to do: Unavailable (no such socket or name, connection refused, no answer
  // in `patience`), PermissionDenied (the socket belongs to others), InvalidArgument (no such form
  // of a host), Unauthenticated and FailedPrecondition (as of FindPairing). Then agrees on the
  // protocol version: FailedPrecondition says which side to upgrade.
  static absl::StatusOr<std::unique_ptr<DeviceClient>> Connect(std::string_view host,
                                                               Nanoseconds patience = Seconds(10));
  ~DeviceClient();
  DeviceClient(const DeviceClient&) = delete;
  DeviceClient& operator=(const DeviceClient&) = delete;

  const std::string& host() const { return host_; }
  // Protocol, daemon version and board id, as agreed by Connect.
  const v1::HandshakeResponse& peer() const { return peer_; }
  // This host's or user's role there, as the board says it; an older one does not, then it is the
  // pairing's, and unspecified over a Unix socket.
  v1::Role role() const { return peer_.role(); }
  bool paired() const { return paired_; }  // false: over a Unix socket

  // Each of these ends within 10 s, with Unavailable where the daemon does not answer.
  // `engine`: as of DescribeBoardRequest.engine.
  absl::StatusOr<v1::BoardInfo> DescribeBoard(const std::string& engine = "");
  absl::StatusOr<std::vector<v1::JobStatus>> List();  // oldest first
  absl::StatusOr<v1::JobStatus> Get(const std::string& run_id);
  absl::StatusOr<v1::JobStatus> Cancel(const std::string& run_id);
  // Only after a durable commit of all chunks below `next_seq`: the device may then forget them.
  absl::Status Acknowledge(const std::string& run_id, uint64_t next_seq);

  // Sends serialized NetDefs of at most 2 GiB each; `init_net` may be empty. The job is queued when
  // this returns. Not repeatable after Unavailable: look into List whether the job arrived.
  absl::StatusOr<v1::JobStatus> Submit(const v1::JobSpec& spec, std::string_view predict_net,
                                       std::string_view init_net);

  // How much of an object the device has.
  absl::StatusOr<v1::ObjectStatus> QueryObject(const v1::ObjectRef& object);

  // Gives the `size` bytes of the object from `offset` on, all of them.
  using ObjectReader = std::function<absl::Status(uint64_t offset, char* into, size_t size)>;
  struct UploadReport {
    uint64_t sent = 0;     // bytes, of all attempts
    uint64_t damaged = 0;  // bytes that the device had and threw away: they were not the object's
  };
  // How much of the object the device has, at most once a part of 1 MiB.
  using UploadProgress = std::function<void(uint64_t bytes_there)>;
  // Sends what the device does not have of an object: nothing, where it has all of it; the rest,
  // after an interruption; all of it, where what it had turns out to be damaged. Both callbacks are
  // called from the calling thread. Waits while another client sends the same object. Unavailable:
  // the connection was lost, and calling it again continues. Cancelled: `stop` was requested; what
  // was sent stays there. DataLoss: `read` gave bytes that do not have the hash. ResourceExhausted:
  // the device has no room. An error of `read` is handed on.
  absl::StatusOr<UploadReport> Upload(const v1::ObjectRef& object, const ObjectReader& read,
                                      const UploadProgress& on_progress = {},
                                      std::stop_token stop = {});

  // The parts of the outputs that a job left (JobStatus.has_outputs), in order: a tensor pack. Only
  // until the run's chunks are all acknowledged, which deletes it from the device. An error of
  // `on_part` is handed on. FailedPrecondition: the job left none; Unavailable: it goes on;
  // Cancelled: `stop`.
  absl::Status Outputs(const std::string& run_id,
                       const std::function<absl::Status(std::string_view part)>& on_part,
                       std::stop_token stop = {});

  // The parts of what the engine of an ended job printed; an error of `on_part` is handed on.
  // FailedPrecondition: nothing; Unavailable: the job goes on.
  absl::Status Log(const std::string& run_id,
                   const std::function<absl::Status(std::string_view part)>& on_part);
  // What the queue holds besides jobs: leases on the board, evicted runs. Within 10 s.
  absl::StatusOr<v1::QueueState> DescribeQueue();
  // Asks for the board, or how that stands (device.proto). Within 10 s.
  absl::StatusOr<v1::DeviceLease> TakeLease(const std::string& id, double for_s);
  absl::Status ReleaseLease(const std::string& id);
  // What clients may take of the board, and setting that, which is for admins. Within 10 s.
  absl::StatusOr<v1::QuotaState> Quotas();
  absl::StatusOr<v1::QuotaState> SetQuotas(const v1::SetQuotasRequest& request);

  // Called from the thread that called Follow. An error ends the following and is what Follow
  // returns.
  struct Follower {
    std::function<absl::Status(v1::Chunk chunk)> on_chunk;
    std::function<absl::Status(const v1::JobStatus& status)> on_status;
    // Between chunks while the job goes on, at least, whole milliseconds; none: as they come.
    Nanoseconds pause = {};
  };
  // Gives the run's chunks with seq >= from_seq in order, without holes or repeats, and statuses
  // between them; stays with a queued or running job until it has ended. Returns its final status,
  // which on_status got as well. Unavailable: the connection was lost, follow again from the next
  // seq. Cancelled: `stop` was requested. OutOfRange: the device holds fewer chunks than from_seq.
  absl::StatusOr<v1::JobStatus> Follow(const std::string& run_id, uint64_t from_seq,
                                       const Follower& follower, std::stop_token stop = {});

  // Simulated boards only: what the operators truly cost. FailedPrecondition on others.
  absl::StatusOr<v1::RunTruth> Truth(const std::string& run_id);

  // Live power, `rate_hz` points a second (above 0, at most 100), until `stop` is requested
  // (Cancelled), the connection is lost or silent for 4 s and three points (Unavailable) or
  // `on_point` returns an error, which is handed on.
  absl::Status Watch(double rate_hz,
                     const std::function<absl::Status(const v1::TelemetryPoint&)>& on_point,
                     std::stop_token stop = {});

  // What the clocks are now, and who holds them. Within 10 s.
  absl::StatusOr<v1::ClockState> Clocks();
  // Whether a job may ask for these: InvalidArgument with what there is; FailedPrecondition: this
  // board cannot. OK from a daemon that is too old to say. Within 10 s.
  absl::Status CheckClocks(const v1::ClockRequest& wanted);
  // What the board can measure and what it lacks. `try_clocks`: a clock is set to what it is
  // already and put back. Takes about a second, 35 s at most. Unimplemented: the daemon is too old.
  absl::StatusOr<v1::Diagnosis> Diagnose(bool try_clocks);
  struct ClockHolder {
    std::function<void(const v1::ClockLease&)> on_lease;  // what was obtained
    // What came of its end: everything is put back but what this names.
    std::function<void(const v1::ClockRelease&)> on_release;
  };
  // Takes the lease on the clocks and holds it until `stop` is requested (OK; Cancelled where it
  // was not had by then), the limit is over (Aborted) or the connection is lost (Unavailable: the
  // board puts everything back by itself, and nobody here hears what came of that). Each of
  // `holder` is called once at most, before this returns. InvalidArgument with the table: no such
  // clock; FailedPrecondition: somebody else has it, or this board cannot.
  absl::Status HoldClocks(const v1::HoldClocksRequest& request, const ClockHolder& holder,
                          std::stop_token stop);

  // Opens a pairing for one more host, of the role watch or run: where the board says to be found,
  // and the code (access.proto). FailedPrecondition: it does not listen on TCP.
  absl::StatusOr<v1::OpenPairingResponse> OpenPairing(v1::Role role);

  // Asks the device for its clock `count` times and once more, one after the other; `clock` is this
  // host's. Within 10 s. Unimplemented: a daemon of before this call.
  absl::StatusOr<std::vector<RoundTrip>> CompareClocks(uint32_t count, Clock& clock);

 private:
  struct Wire;  // the gRPC channel and stub

  DeviceClient(std::string host, std::unique_ptr<Wire> wire);
  // DeadlineExceeded: the board did not finish TLS in time.
  static absl::StatusOr<std::unique_ptr<DeviceClient>> ConnectOnce(std::string_view host,
                                                                   Nanoseconds patience);
  // `board`: to speak by; null: a Unix socket.
  static absl::StatusOr<std::unique_ptr<DeviceClient>> Open(std::string_view host,
                                                            const std::string& target,
                                                            const v1::PairedBoard* board,
                                                            Nanoseconds patience);

  const std::string host_;
  const std::unique_ptr<Wire> wire_;
  v1::HandshakeResponse peer_;
  bool paired_ = false;
};

}  // namespace synergy
