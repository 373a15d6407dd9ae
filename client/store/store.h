// The store of a host: the runs that it measured, as the chunks that the boards sent. One SQLite
// file.
//
// Chunks are kept as they came, keyed (board, run, channel, sequence); receiving one twice stores
// it once. Only the runs' index columns are ours. Simulated truth is kept apart (truth_store.h).
//
// Errors: FailedPrecondition (read-only, newer version, another program's file), ResourceExhausted
// (disk full), Unavailable (another process is writing for too long), DataLoss (damaged file or
// chunk). After an error nothing of the failed call is in the file. One thread uses a Store at a
// time; any number of processes may use the same file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"
#include "client/store/stored_run.h"
#include "client/store/submission_table.h"
#include "client/store/sweep_table.h"
#include "client/store/versioned_database.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

class Store {
 public:
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path, StoreAccess access);

  const std::string& path() const { return database_.path(); }

  // Notes a job that is about to be sent to a board, by its JobSpec.token, until PutRun enters it
  // as a run: so that it is found again on the board whatever happens in between. Durable on
  // return.
  absl::Status AddSubmission(const std::string& board_id, const Submission& submission);
  absl::StatusOr<std::vector<Submission>> Submissions(const std::string& board_id);
  absl::Status RemoveSubmission(const std::string& board_id, const std::string& token);

  // Enters a run as the board tells of it, or brings its state up to date; the submission that it
  // came of is removed in the same transaction. The run's number.
  absl::StatusOr<int64_t> PutRun(const v1::BoardInfo& board, const v1::JobStatus& status);

  // By number.
  absl::StatusOr<std::vector<StoredRun>> Runs();
  absl::StatusOr<StoredRun> Run(int64_t number);
  absl::StatusOr<std::vector<StoredRun>> UnfinishedRuns(const std::string& board_id);

  // Stores chunks of a run in one transaction, durable when the call returns. They continue the
  // run's stream: chunks that are already here are compared and dropped, a hole is DataLoss. The
  // first chunk's RunHeader and the last one's RunEnd update the index in the same transaction.
  absl::Status AppendChunks(int64_t number, std::span<const v1::Chunk> chunks);

  // The board was told that all chunks below next_seq are durable here.
  absl::Status SetAcknowledged(int64_t number, uint64_t next_seq);
  absl::Status SetAbandoned(int64_t number, const std::string& why);

  // All chunks of a run in the order of the stream. Stops at the first error of `visit`.
  absl::Status ForEachChunk(int64_t number,
                            const std::function<absl::Status(const v1::Chunk&)>& visit);

  // What a meter on this host measured of a run: chunks of ENCODING_READINGS, each rail's from
  // channel 2 on and in order, and the record that says what they are. Their bytes count as the
  // run's. Each call is one transaction, durable when it returns; a record replaces the one before.
  absl::Status AppendMeterChunks(int64_t number, std::span<const v1::Chunk> chunks);
  absl::Status PutMeter(int64_t number, const v1::MeterRecord& record);
  // Absent where there was no meter, or its record was never written.
  absl::StatusOr<std::optional<v1::MeterRecord>> Meter(int64_t number);
  // By channel, then in order. Stops at the first error of `visit`.
  absl::Status ForEachMeterChunk(int64_t number,
                                 const std::function<absl::Status(const v1::Chunk&)>& visit);

  // Names for runs (tag_table.h). A tag may be on several runs. Each call is one transaction,
  // durable when it returns. SetTag: on this run alone, whatever had it before.
  absl::Status AddTag(const std::string& tag, int64_t number);
  absl::Status SetTag(const std::string& tag, int64_t number);
  // From this run, or from all; NotFound where it is not there.
  absl::Status RemoveTag(const std::string& tag, std::optional<int64_t> number);

  // Sweeps of job files (sweep_table.h). Each call is one transaction, durable when it returns;
  // PutRun notes the number of the run that an attempt became.
  absl::StatusOr<StoredSweep> TakeUpSweep(const StoredSweep& wanted,
                                          OpenSweep open = OpenSweep::kTakeUp);
  absl::Status FinishSweep(int64_t sweep);
  absl::StatusOr<std::vector<StoredAttempt>> Attempts(int64_t sweep);
  absl::Status AddAttempt(int64_t sweep, const StoredAttempt& attempt);
  absl::Status SetOutcome(const std::string& token, AttemptOutcome outcome);

  // Deletes runs with their chunks and gives the space back to the disk, as of RemoveRuns.
  absl::Status Delete(std::span<const int64_t> numbers);
  // The next run may have the number of one that was deleted before it was whole: nobody knows it.
  // Does nothing where a later run has a number already.
  absl::Status ForgetNumber(int64_t number);

 private:
  explicit Store(Database database) : database_(std::move(database)) {}

  absl::StatusOr<std::vector<StoredRun>> Select(std::optional<int64_t> number,
                                                std::optional<std::string> board_id);
  absl::Status UpdateIndex(const StoredRun& run);

  Database database_;
};

}  // namespace synergy
