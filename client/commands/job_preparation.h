// From options to a job that can be sent: what `run` and `submit` share before a board is asked.
#pragma once

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "client/commands/job_submission.h"
#include "client/commands/model_source.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// What is measured, and how. Every option of it is a key of job files.
struct MeasureOptions {
  ModelOptions model;
  JobOptions job;
};
// `options` outlives the parsing.
void AddMeasureOptions(CLI::App& command, MeasureOptions* options);

// Loads the network and its inputs, with everything refused that can be refused here; what there is
// to note about them goes to stderr.
absl::StatusOr<Job> PrepareJob(const MeasureOptions& options);

// With what the user left to the board's sensors.
JobOptions ForBoard(const JobOptions& options, const v1::BoardInfo& board);

}  // namespace synergy
