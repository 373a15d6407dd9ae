// A job file: which networks are measured how, as a matrix (docs/jobs.md has the schema). Pure.
//
// Its keys are the options of `synergyctl run`, whose command line knows what their values may be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace synergy {

// An option that a job file may have as a key.
struct JobKey {
  enum class Kind {
    kValue,  // one value; a list of them is an axis of the matrix
    kList,   // may be given several times: a list is all of them together
    kFlag,   // true or false
  };
  std::string name;  // without its dashes
  Kind kind = Kind::kValue;
  bool of_clocks = false;  // may stand in [[clocks]], and then not elsewhere
  bool of_file = false;    // holds for all jobs alike: never an axis
};

// One job of the plan.
struct PlannedJob {
  uint32_t point = 0;                  // of the matrix, from 0
  uint32_t repetition = 0;             // from 0
  std::vector<std::string> arguments;  // of `run`: "--net=squeezenet"
  std::string net;                     // as the file has it
  std::string axes;                    // what else sets its point apart: "threads=4"

  std::string label() const { return axes.empty() ? net : net + " " + axes; }
};

// What `synergyctl gate` is to decide, as far as the file says it.
struct JobFileGate {
  std::string max_increase = {};     // "2%", not interpreted here
  std::optional<double> alpha = {};  // above 0, below 0.5
  std::string metric = {};           // "energy", "time", "edp"
  std::string rail = {};             // none of metric "time"
  std::optional<bool> per_op = {};
};

struct JobFile {
  std::string name;
  uint32_t points = 0;
  std::optional<uint32_t> repetitions = {};  // 1 where the file does not say it
  std::vector<PlannedJob> jobs;  // in the order in which they run: the same for the same file
  std::vector<std::string> arguments = {};  // of `run`, from keys that are of_file
  std::optional<JobFileGate> gate = {};

  // Of the jobs, hexadecimal: files with the same one have the same jobs in the same order.
  std::string Digest() const;
};

inline constexpr size_t kMaxPlannedJobs = 100'000;

// InvalidArgument with the file's name and the line: no TOML, an unknown key, a value of the wrong
// kind, more than kMaxPlannedJobs. `origin` is the file's name.
absl::StatusOr<JobFile> ParseJobFile(std::string_view text, const std::string& origin,
                                     const std::vector<JobKey>& keys);

}  // namespace synergy
