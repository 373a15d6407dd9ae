// What the store's index says of a run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "synergy/v1/job.pb.h"

namespace synergy {

struct StoredRun {
  int64_t number = 0;  // short, for people; of this store
  std::string run_id;
  std::string board_id;
  std::string board_name;   // "sim:jetson-tx1"
  std::string board_title;  // "Jetson TX1 (simulated)"
  std::string net;
  std::string engine;
  bool simulated = false;
  bool has_truth = false;  // the board can tell the truth of this run
  int64_t submitted_unix_ns = 0;
  std::optional<int64_t> started_unix_ns;  // absent until the first chunk has come
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  std::string error;                   // why the job failed
  uint64_t next_seq = 0;               // chunks below it are here
  uint64_t acknowledged_seq = 0;       // chunks below it are acknowledged to the board
  bool complete = false;               // everything up to the RunEnd record is here
  bool abandoned = false;              // incomplete, and the board has no more of it
  bool interrupted = false;            // ended because the board or its daemon went down
  uint64_t bytes = 0;                  // of the chunks' data, a meter's among them
  std::vector<std::string> tags = {};  // by name

  // The board still has something to be asked for or told.
  bool unfinished() const { return !abandoned && (!complete || acknowledged_seq < next_seq); }
  // For sorting by age.
  int64_t time_unix_ns() const { return started_unix_ns.value_or(submitted_unix_ns); }
};

}  // namespace synergy
