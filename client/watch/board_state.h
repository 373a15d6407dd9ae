// All that is known of a board that is watched. Data alone, of pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/watch/power_history.h"
#include "client/watch/recent_rate.h"
#include "common/attribution/least_squares.h"
#include "common/attribution/run_data.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/clocks.pb.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What the records of the job that runs have said so far.
struct WatchedRun {
  std::string run_id;
  std::string why_not;  // its records are not to be had
  std::vector<v1::OperatorInfo> operators;
  double requested_hz = 0;  // of its header
  uint64_t readings = 0, fresh = 0, repeats = 0, missed = 0, failed = 0;
  uint64_t dropped = 0;                  // records that the board had no room for
  std::optional<LeastSquares> energies;  // of the part that is solved
  uint64_t iterations = 0;               // that are in them
  uint64_t solutions = 0;                // how often they were solved
};

// A counter of throttling, or a state in which clocks are held down.
struct Throttle {
  uint64_t first = 0;  // when it was seen first
  uint64_t now = 0;
};

struct BoardState {
  std::string host;
  std::string lost;      // why the board is not there; "": it is
  absl::Status refused;  // it does not know this client any more, and is not asked again
  uint64_t losses = 0;
  double capped_hz = 0;  // points a second, all that the role may have; 0: as asked for
  v1::BoardInfo board;
  PowerHistory history;
  std::optional<v1::TelemetryPoint> point;  // the newest
  std::vector<v1::JobStatus> jobs;
  v1::QueueState queue;
  std::optional<v1::ClockState> clocks;
  std::map<std::string, double> temperature_c;  // by zone, as it was told last
  std::map<std::string, Throttle> throttles;    // by what
  WatchedRun run;
  uint64_t bytes = 0;  // that the board sent: messages of live power and of the run's records
  RecentRate sent;     // of these bytes
  RecentRate daemon;   // CPU time of synergyd, ns
  RecentRate front;    // and of its front
};

// The job that runs; null: none does.
const v1::JobStatus* RunningJob(const BoardState& state);
// The operator that runs, "conv1"; "" where none does or its name is not known.
std::string OperatorNow(const BoardState& state);

// What holds clocks down now, or has done so since watching began, a few words each. Cores that are
// off do not.
std::vector<std::string> Throttled(const BoardState& state);

void TakePoint(const v1::TelemetryPoint& point, BoardState* state);
void TakeClocks(const v1::ClockState& clocks, BoardState* state);
// How many of a run's records were taken in.
struct TakenRecords {
  size_t conditions = 0, gaps = 0, lost = 0;
};
// Takes in what has come of the run since the call before, and forgets the rest of `data`.
void TakeRecords(RunData* data, TakenRecords* taken, BoardState* state);

}  // namespace synergy
