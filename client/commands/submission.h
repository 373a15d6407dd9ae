// From a job to a run of the store, such that a death at any point in between loses no run.
//
// A random token is durable in the store before the job is sent with it, and leaves the store with
// the commit that enters the run. What a dead command left in between is found by it on the board.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/run_transfer.h"
#include "client/store/run_claim.h"
#include "client/store/store.h"

namespace synergy {

// 128 random bits: nobody meets the token of another job by chance.
absl::StatusOr<std::string> NewToken();

// DeviceClient::Submit of the nets with this spec; its errors.
using SubmitCall = std::function<absl::StatusOr<v1::JobStatus>(const v1::JobSpec& spec)>;

struct EnteredRun {
  int64_t number = 0;
  std::optional<RunClaim> claim;  // absent where another synergyctl has taken the run up already
};

// Errors: of FromDevice (the board did not take the job, or, as the text says, may have taken it),
// of the store (nothing was sent), kPartial (the board has the job, the store has no run of it
// yet).
// The job's token is that of `spec`, or a new one. kRefused where another synergyctl is at it.
absl::StatusOr<EnteredRun> SubmitAndEnter(Store& store, const v1::BoardInfo& board,
                                          v1::JobSpec spec, int64_t now_unix_ns,
                                          const SubmitCall& submit);

// A submission that the board does not know is given up when it is older: what a client sent before
// it died can still be on its way.
inline constexpr int64_t kSubmissionGraceNs = 600'000'000'000;

// Enters as unfinished runs the board's jobs of which a command that is gone left the token, each
// announced on stderr. Submissions that another synergyctl is just at are left alone. Asks the
// board nothing where there is none.
absl::Status AdoptSubmissions(Store& store, const v1::BoardInfo& board, RunSource& source,
                              int64_t now_unix_ns);

// The host's wall time, for the two of them.
int64_t UnixNow();

}  // namespace synergy
