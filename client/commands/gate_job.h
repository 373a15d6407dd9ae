// What a gate measures by itself: a job file.
//
// TOML, one key for each option of `run` that says what is measured and how, under its name without
// the dashes:
//
//   net = "model.onnx"
//   iterations = 100
//   cpu-freq = "max"
//   input = ["data=cat.png"]     # of options that may be repeated, a list
//
// Paths are relative to the file's folder, so that two versions of a repository can lie side by
// side.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/commands/job_preparation.h"

namespace synergy {

// By its name, which ends in .toml.
bool IsJobFile(const std::string& text);

// Errors end in kUsage and say which key is wrong.
absl::StatusOr<MeasureOptions> ReadGateJob(const std::string& path);

}  // namespace synergy
