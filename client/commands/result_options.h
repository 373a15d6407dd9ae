// What `run` makes of a job's records, and keeps beside them: in a job file keys that hold for all
// of its jobs alike.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "client/analysis/run_judgement.h"
#include "client/analysis/run_report.h"

namespace synergy {

struct ResultOptions {
  std::string method{kMethodLeastSquares};
  RecordLimits limits = {};
  bool require_valid = false;
  bool watch = false;
  std::string sort = {};     // "index", "time", "energy"
  std::string outputs = {};  // NAME.npy; "": not wanted
  std::string meter = {};    // exec:COMMAND; "": none
};

// How records are judged and shown: --method, --limit, --require-valid, --watch, --sort. `options`
// outlives the parsing.
void AddJudgingOptions(CLI::App& command, ResultOptions* options);
// What comes beside the board's records: --outputs, --meter. Likewise.
void AddBesideOptions(CLI::App& command, ResultOptions* options);

// Whether a run with this verdict is what was asked for.
bool IsGood(v1::Verdict verdict, bool require_valid);

}  // namespace synergy
