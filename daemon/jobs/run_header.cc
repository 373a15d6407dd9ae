#include "daemon/jobs/run_header.h"

#include <ctime>

#include "common/files.h"

namespace synergy {
namespace {

int64_t ReadClockNs(clockid_t id) {
  timespec time = {};
  clock_gettime(id, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// CLOCK_BOOTTIME goes on while the device sleeps, CLOCK_MONOTONIC does not.
double SuspendedSeconds() {
  const int64_t monotonic = ReadClockNs(CLOCK_MONOTONIC);
  return static_cast<double>(ReadClockNs(CLOCK_BOOTTIME) - monotonic) * 1e-9;
}

}  // namespace

int64_t WallTimeUnixNs() { return ReadClockNs(CLOCK_REALTIME); }

v1::RunHeader MakeRunHeader(const v1::JobStatus& job, const v1::BoardInfo& board, Clock& clock) {
  v1::RunHeader header;
  header.set_run_id(job.run_id());
  *header.mutable_job() = job.spec();
  *header.mutable_board() = board;
  const absl::StatusOr<std::string> boot_id = ReadFile("/proc/sys/kernel/random/boot_id", 64);
  if (boot_id.ok()) header.set_boot_id(boot_id->substr(0, boot_id->find('\n')));
  header.set_clock("CLOCK_MONOTONIC");
  header.set_suspended_s(SuspendedSeconds());
  header.set_begin_ns(clock.Now().ns);
  header.set_wall_time_unix_ns(WallTimeUnixNs());
  const double asked = job.spec().rate_hz();
  header.set_requested_hz(asked > 0 ? asked : board.default_rate_hz());
  return header;
}

}  // namespace synergy
