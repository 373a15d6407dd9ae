// The connection of a command to its board, which comes back where the daemon does.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/run_resolution.h"
#include "client/commands/run_transfer.h"
#include "client/net/device_client.h"

namespace synergy {

// Thread-safe: the thread that watches for Ctrl-C cancels while another one follows. Errors say how
// the command ends (exit_code.h).
class BoardLink final : public RunSource {
 public:
  // `host` as for DeviceClient::Connect, empty for DefaultHost(). `engine`: the one that a job is
  // about to name (DescribeBoardRequest.engine); "": none.
  static absl::StatusOr<std::unique_ptr<BoardLink>> Open(const std::string& host,
                                                         const std::string& engine = "");

  const v1::BoardInfo& board() const { return board_; }
  std::shared_ptr<DeviceClient> client() const ABSL_LOCKS_EXCLUDED(mutex_);

  absl::StatusOr<std::vector<v1::JobStatus>> List() override;
  absl::StatusOr<v1::QueueState> Queue() override;
  // What can be asked for by name (run_resolution.h).
  absl::StatusOr<BoardJobs> Jobs();
  absl::StatusOr<v1::JobStatus> Follow(const std::string& run_id, uint64_t from_seq,
                                       const DeviceClient::Follower& follower,
                                       std::stop_token stop) override;
  absl::Status Acknowledge(const std::string& run_id, uint64_t next_seq) override;
  absl::StatusOr<v1::RunTruth> Truth(const std::string& run_id) override;
  absl::Status Outputs(const std::string& run_id,
                       const std::function<absl::Status(std::string_view part)>& on_part,
                       std::stop_token stop) override;
  absl::Status Log(const std::string& run_id,
                   const std::function<absl::Status(std::string_view part)>& on_part) override;
  // After an error that ends in kNotReached: looks for the board for kReconnectFor, and says so on
  // stderr. The error itself where it is not found; Cancelled: `stop`.
  absl::Status AwaitBoard(const absl::Status& lost, std::stop_token stop);
  // kRefused where another board answers now.
  absl::Status Reconnect() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  BoardLink(std::string host, std::shared_ptr<DeviceClient> client, v1::BoardInfo board)
      : host_(std::move(host)), board_(std::move(board)), client_(std::move(client)) {}

  const std::string host_;
  const v1::BoardInfo board_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<DeviceClient> client_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
