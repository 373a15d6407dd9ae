// A job file as `submit` and `gate` use it: its jobs with the options that `run` would have parsed.
//
// Paths in it are relative to its folder, so that two versions of a repository can lie side by
// side. A name of the zoo is no path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/job_preparation.h"
#include "client/commands/result_options.h"
#include "client/jobs/job_file.h"

namespace synergy {

// The options of `run` as keys of job files: all but those about where it runs and its output's
// form.
std::vector<JobKey> JobFileKeys();

// By its name, which ends in .toml.
bool IsJobFile(const std::string& text);

struct SweepPlan {
  std::string path;
  JobFile file;
  std::vector<MeasureOptions> jobs;  // as file.jobs, with paths from where synergyctl runs
  ResultOptions result;              // of file.arguments, likewise
  // Of file.Digest(), of what is kept beside the records and, where files are named, the folder
  // that they are looked for in.
  std::string digest;
  std::optional<double> max_increase;  // of [gate], a share

  // The first job of a point of the matrix.
  const PlannedJob& Point(uint32_t point) const;
  const MeasureOptions& OptionsOf(uint32_t point) const;
  // Where the outputs of a job go: of several jobs NAME.npy is NAME.1.npy for the first.
  std::string OutputsOf(size_t job) const;
};

// Reads the file and parses all of its jobs. Errors end in kUsage, with the file's name.
absl::StatusOr<SweepPlan> ReadSweepPlan(const std::string& path);

}  // namespace synergy
