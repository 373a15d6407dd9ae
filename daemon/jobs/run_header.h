// What every run says of itself first.
#pragma once

#include "common/clock.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/job.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// All of the header but the channels, which the recorder numbers, and the engine's version: boot_id
// from /proc/sys/kernel/random/boot_id, the time spent suspended since boot, begin on the device's
// clock and, once, the wall time.
v1::RunHeader MakeRunHeader(const v1::JobStatus& job, const v1::BoardInfo& board, Clock& clock);

// CLOCK_REALTIME: for people only.
int64_t WallTimeUnixNs();

}  // namespace synergy
