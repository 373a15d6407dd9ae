// A job file as `submit` uses it: its jobs with the options that `run` would have parsed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/job_preparation.h"
#include "client/jobs/job_file.h"

namespace synergy {

// The options of `run` that job files may have as keys.
std::vector<JobKey> JobFileKeys();

struct SweepPlan {
  JobFile file;
  std::vector<MeasureOptions> jobs;  // as file.jobs
};

// Reads the file and parses all of its jobs. Errors end in kUsage, with the file's name.
absl::StatusOr<SweepPlan> ReadSweepPlan(const std::string& path);

}  // namespace synergy
