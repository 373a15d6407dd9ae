// `run --meter`: a meter on this host beside the board's own sensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/board_link.h"
#include "client/commands/job_submission.h"
#include "client/meter/meter_session.h"
#include "client/store/store.h"

namespace synergy {

// `option` is exec:COMMAND; kUsage where it is not. Nothing is started.
absl::StatusOr<std::string> MeterCommand(const std::string& option);

// Starts the meter of `option` and has the job play the load pattern that it can be found by; null
// where `option` is "". `link` outlives it. kUsage where the command gives no readings.
absl::StatusOr<std::unique_ptr<MeterSession>> StartMeter(const std::string& option, BoardLink& link,
                                                         JobOptions* job);

// The job of the run has ended, or is given up: its readings into the store. kPartial where not all
// of them are there.
absl::Status FinishMeter(MeterSession* meter, Store& store);

}  // namespace synergy
