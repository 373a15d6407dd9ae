// synergy-estimate: reads the spool of a run that goes on (descriptor 3) up to its last whole chunk
// and writes to standard output how well the energies of its operators are known, a RunEstimate.
// synergyd starts it while an engine waits. A process of its own, so that what an engine wrote is
// not decoded as root once more, a cancelled job has not to wait for the end of a computation, and
// what it takes is not taken for the daemon's cost of measuring.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/status/statusor.h"
#include "common/attribution/energy_estimator.h"
#include "common/files.h"
#include "common/records/spool_reader.h"
#include "synergy/v1/estimate.pb.h"

namespace synergy {
namespace {

constexpr int kSpoolFd = 3;
// Below the threads that go on sampling; nothing is measured meanwhile.
constexpr int kNice = 5;

absl::StatusOr<v1::RunEstimate> Estimate() {
  SpoolReader reader{UniqueFd(kSpoolFd)};
  EnergyEstimator estimator;
  v1::Chunk chunk;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::Status added = estimator.Add(chunk); !added.ok()) return added;
  }
  v1::RunEstimate estimate;
  for (const RailEnergy& rail : estimator.Solve().rails) {
    v1::RunEstimate::Rail& out = *estimate.add_rails();
    out.set_rail(rail.rail);
    out.set_why_not(rail.why_not);
    if (rail.why_not.empty()) out.set_widest_interval(rail.widest);
  }
  return estimate;
}

int Main() {
  // Where it cannot be set the result is the same.
  (void)setpriority(PRIO_PROCESS, 0, kNice);
  const absl::StatusOr<v1::RunEstimate> estimate = Estimate();
  const absl::Status status =
      estimate.ok() ? WriteAll(STDOUT_FILENO, estimate->SerializeAsString(), "the estimate")
                    : estimate.status();
  if (status.ok()) return 0;
  fmt::print(stderr, "synergy-estimate: {}\n", std::string(status.message()));
  return 1;
}

}  // namespace
}  // namespace synergy

int main() { return synergy::Main(); }
