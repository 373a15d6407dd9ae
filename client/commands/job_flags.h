// The flags that say how a job is measured.
#pragma once

#include <CLI/CLI.hpp>

#include "client/commands/job_submission.h"

namespace synergy {

// `options` outlives the parsing.
void AddJobFlags(CLI::App& command, JobOptions& options);

}  // namespace synergy
