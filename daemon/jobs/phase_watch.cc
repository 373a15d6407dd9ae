#include "daemon/jobs/phase_watch.h"

#include <unistd.h>

#include <algorithm>

namespace synergy {
namespace {

constexpr char kProc[] = "/proc";

}  // namespace

// Synergy's own counts are taken last here and first in End, so that taking these samples is not
// among them.
void PhaseWatch::Begin() {
  received_bytes_ = ReceivedBytes();
  load_ = SampleLoad(kProc, parts_.clock->Now());
  counts_ = Count();
}

PhaseWatch::Seen PhaseWatch::End() const {
  const ObserverCounts counts = Count();
  const LoadSample load = SampleLoad(kProc, counts.at);
  const auto cpus = static_cast<double>(std::max(sysconf(_SC_NPROCESSORS_ONLN), 1L));
  return {.observer = CostBetween(counts_, counts),
          .others = OtherLoadBetween(load_, load, getpid(),
                                     static_cast<double>(sysconf(_SC_CLK_TCK)), cpus),
          .received_bytes = ReceivedBytes() - received_bytes_};
}

ObserverCounts PhaseWatch::Count() const {
  const std::optional<pid_t> front = parts_.front_pid ? parts_.front_pid() : std::nullopt;
  return {.at = parts_.clock->Now(),
          .daemon = OwnUsage(),
          .front = front ? UsageOf(*front, kProc) : std::nullopt,
          .transfers = parts_.sampler->transfers(),
          .bytes_written = recording_.bytes_written()};
}

uint64_t PhaseWatch::ReceivedBytes() const {
  return parts_.received_bytes == nullptr ? 0 : parts_.received_bytes->load();
}

}  // namespace synergy
