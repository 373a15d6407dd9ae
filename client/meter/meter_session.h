// A meter on this host while a job is measured: its program runs, its lines are taken down with the
// instant of their arrival, and the device's clock is compared with the host's once a second.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/meter/meter_log.h"
#include "client/store/store.h"
#include "common/clock.h"
#include "common/clock_comparison/round_trips.h"
#include "common/exec_lines.h"
#include "common/shell_program.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Used by one thread, which lives as long as the session: the program dies with it.
class MeterSession {
 public:
  // Asks the board for its clock a few times; thread-safe. Errors mean that there are no round
  // trips now.
  using Compare = std::function<absl::StatusOr<std::vector<RoundTrip>>()>;
  using Note = std::function<void(const std::string&)>;  // for people; thread-safe

  // Starts the program and waits until it has given two readings of its first rail.
  // FailedPrecondition where it ends first, DeadlineExceeded where it does not within 10 s.
  static absl::StatusOr<std::unique_ptr<MeterSession>> Start(const std::string& command, Note note,
                                                             Clock& clock);
  ~MeterSession();  // ends the program

  // The pattern by which this meter's clock can be found: chips long enough for it to see them.
  // `seed`: any. FailedPrecondition: it is too slow for any pattern.
  absl::StatusOr<v1::LoadChirp> Chirp(uint64_t seed) const;

  // From now on clocks are compared; until Record readings are kept for some seconds only.
  void BeginComparing(Compare compare);
  // From now on readings go into the run `number` of the store, those of the last seconds too.
  void Record(const std::string& store_path, int64_t number);

  // The job has ended: waits for the lines that are on their way, at most 3 s, ends the program,
  // and puts the record with the clock's fit into the store. Errors: of the store, now or
  // meanwhile.
  absl::Status Finish(Store& store);

 private:
  struct Line {
    std::string text;
    int64_t arrival_ns;
  };
  MeterSession(std::string command, RunningProgram program, Note note, Clock& clock);

  absl::Status AwaitReadings();
  // Takes what the program prints until `until`; false: it has ended.
  bool ReadLines(MonotonicTime until) ABSL_LOCKS_EXCLUDED(mutex_);
  void Take(std::string line, int64_t arrival_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReadUntilStopped(std::stop_token stop);
  void StoreUntilStopped(std::stop_token stop);
  void CompareUntilStopped(std::stop_token stop, const Compare& compare);
  // False: the run has not begun yet.
  absl::StatusOr<bool> BeginRecording(Store& store) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status StoreChunks(Store& store, size_t least) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status StoreRecord(Store& store, const std::string& ended) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasEnded() const ABSL_LOCKS_EXCLUDED(mutex_);
  void EndProgram() ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteEnd() ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteTroubles(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string command_;
  const Note note_;
  Clock& clock_;
  RunningProgram program_;
  LineSplitter splitter_;
  std::string store_path_;
  int64_t number_ = 0;  // of the run

  mutable absl::Mutex mutex_;
  MeterLog early_ ABSL_GUARDED_BY(mutex_);  // before the recording, for its facts alone
  MeterLog log_ ABSL_GUARDED_BY(mutex_);
  bool recording_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Line> recent_ ABSL_GUARDED_BY(mutex_);  // before the recording
  int64_t last_arrival_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  bool silent_ ABSL_GUARDED_BY(mutex_) = false, bad_told_ ABSL_GUARDED_BY(mutex_) = false;
  std::string ended_ ABSL_GUARDED_BY(mutex_);    // how the program ended; "": it runs
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;  // as it was told to
  std::vector<RoundTrip> trips_ ABSL_GUARDED_BY(mutex_);
  absl::Status store_status_ ABSL_GUARDED_BY(mutex_);

  std::jthread comparer_, writer_, reader_;
};

}  // namespace synergy
