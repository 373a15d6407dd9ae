// All that is known of a board that is watched. Data alone, of pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/watch/power_history.h"
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
  std::map<std::string, double> temperature_c;
  std::map<std::string, uint64_t> throttles;  // what they were at first
  std::map<std::string, uint64_t> throttled;  // and are now
  uint64_t readings = 0, fresh = 0, repeats = 0, missed = 0, failed = 0;
  std::optional<LeastSquares> energies;  // of the part that is solved
  double solve_s = 0;                    // CPU time that the last solution took
};

struct BoardState {
  std::string host;
  std::string lost;  // why the board is not there; "": it is
  uint64_t losses = 0;
  v1::BoardInfo board;
  PowerHistory history;
  std::optional<v1::TelemetryPoint> point;  // the newest
  std::vector<v1::JobStatus> jobs;
  v1::QueueState queue;
  std::optional<v1::ClockState> clocks;
  WatchedRun run;
  uint64_t bytes = 0;  // that the board sent: messages of live power and of the run's records
  double seconds = 0;  // in which it did
};

// The job that runs; null: none does.
const v1::JobStatus* RunningJob(const BoardState& state);
// The operator that runs, "conv1"; "" where none does or its name is not known.
std::string OperatorNow(const BoardState& state);

// Takes in what has come of the run since the call before, and forgets the rest of `data`.
// `conditions`: how many of these were taken in.
void TakeRecords(RunData* data, size_t* conditions, WatchedRun* run);

// One line of `watch --json` (docs/json.md), for the newest point.
nlohmann::ordered_json WatchJson(const BoardState& state);

}  // namespace synergy
