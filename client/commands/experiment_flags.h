// What a run may do beyond a number of iterations: measure until it is precise enough, repeat one
// operator.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/job_submission.h"
#include "client/models/model.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// `options` outlives the parsing.
void AddExperimentFlags(CLI::App& command, JobOptions& options);

// FindOperator for --loop: kUsage with the flag where there is none.
absl::StatusOr<uint32_t> LoopedOperator(const Model& model, const std::string& text);

// How long to repeat an operator for where the user does not say: 2 s, and where a sensor is slow
// so long that 20 of its windows lie in it; at most a minute.
double LoopTimeFor(const v1::BoardInfo& board);

}  // namespace synergy
