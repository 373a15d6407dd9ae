#include "client/commands/submission.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"

namespace synergy {
namespace {

struct OpenSubmission {
  std::string token;
  RunClaim claim;
};

// The claim comes before the row, so that no other process takes it for one that was left behind.
absl::StatusOr<OpenSubmission> BeginSubmission(Store& store, const std::string& board_id,
                                               const std::string& given, int64_t now_unix_ns) {
  while (true) {
    const absl::StatusOr<std::string> token = given.empty() ? NewToken() : given;
    if (!token.ok()) return token.status();
    absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::TakeSubmission(store.path(), *token);
    if (!claim.ok()) return claim.status();
    if (!*claim && !given.empty()) {
      return Ending(ExitCode::kRefused,
                    absl::AbortedError("another synergyctl is just submitting this job"));
    }
    if (!*claim) continue;  // another submission's byte
    const absl::Status added = store.AddSubmission(board_id, {*token, now_unix_ns});
    if (!added.ok()) return added;
    return OpenSubmission{*token, **std::move(claim)};
  }
}

// Errors after which the board may have the job: no answer came, or none that tells.
bool MayHaveArrived(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsUnknown(status) || absl::IsInternal(status);
}

absl::Status NotTaken(Store& store, const std::string& board_id, const std::string& token,
                      const absl::Status& status) {
  if (MayHaveArrived(status)) {
    return FromDevice(absl::Status(
        status.code(), fmt::format("{}. Whether the board has taken the job is not known: "
                                   "synergyctl fetch looks for it.",
                                   std::string(status.message()))));
  }
  // Where this fails the row is given up later, as one whose job the board does not know.
  store.RemoveSubmission(board_id, token).IgnoreError();
  // An engine that is not there, more threads than it has: as a network that does not exist.
  return absl::IsInvalidArgument(status) ? Ending(ExitCode::kUsage, status) : FromDevice(status);
}

absl::Status NotEntered(const v1::JobStatus& job, const absl::Status& why) {
  return Ending(
      ExitCode::kPartial,
      absl::Status(why.code(),
                   fmt::format("the board has taken the job ({}), but: {} Then synergyctl "
                               "fetch brings its records.",
                               job.run_id(), std::string(why.message()))));
}

// The claims last until the caller is done with what the board says.
absl::StatusOr<std::vector<Submission>> LeftBehind(Store& store, const std::string& board_id,
                                                   std::vector<RunClaim>* claims) {
  absl::StatusOr<std::vector<Submission>> submissions = store.Submissions(board_id);
  if (!submissions.ok()) return submissions.status();
  std::vector<Submission> left;
  for (Submission& submission : *submissions) {
    absl::StatusOr<std::optional<RunClaim>> claim =
        RunClaim::TakeSubmission(store.path(), submission.token);
    if (!claim.ok()) return claim.status();
    if (!*claim) continue;
    claims->push_back(**std::move(claim));
    left.push_back(std::move(submission));
  }
  // One that was entered, and let go of, between our look at it and our claim is no longer there.
  submissions = store.Submissions(board_id);
  if (!submissions.ok()) return submissions.status();
  std::erase_if(left, [&](const Submission& submission) {
    return std::none_of(submissions->begin(), submissions->end(),
                        [&](const Submission& still) { return still.token == submission.token; });
  });
  return left;
}

}  // namespace

absl::StatusOr<std::string> NewToken() {
  std::array<unsigned char, 16> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return absl::InternalError("cannot get random numbers from the kernel; nothing was sent");
  }
  std::string token;
  for (const unsigned char byte : random) token += fmt::format("{:02x}", byte);
  return token;
}

int64_t UnixNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::StatusOr<EnteredRun> SubmitAndEnter(Store& store, const v1::BoardInfo& board,
                                          v1::JobSpec spec, int64_t now_unix_ns,
                                          const SubmitCall& submit) {
  const absl::StatusOr<OpenSubmission> submission =
      BeginSubmission(store, board.board_id(), spec.token(), now_unix_ns);
  if (!submission.ok()) return submission.status();
  spec.set_token(submission->token);
  absl::StatusOr<v1::JobStatus> job = submit(spec);
  if (!job.ok()) return NotTaken(store, board.board_id(), submission->token, job.status());
  job->mutable_spec()->set_token(submission->token);  // whatever the board made of it
  const absl::StatusOr<int64_t> number = store.PutRun(board, *job);
  if (!number.ok()) return NotEntered(*job, number.status());
  absl::StatusOr<std::optional<RunClaim>> claim = RunClaim::Take(store.path(), *number);
  if (!claim.ok()) return Ending(ExitCode::kPartial, claim.status());
  return EnteredRun{*number, *std::move(claim)};
}

absl::Status AdoptSubmissions(Store& store, const v1::BoardInfo& board, RunSource& source,
                              int64_t now_unix_ns) {
  // The board is asked after the claims: a submission that is claimed here sends nothing any more.
  std::vector<RunClaim> claims;
  const auto left = LeftBehind(store, board.board_id(), &claims);
  if (!left.ok() || left->empty()) return left.status();
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = source.List();
  if (!jobs.ok()) return FromDevice(jobs.status());
  for (const Submission& submission : *left) {
    // The oldest one: a token can be read in the board's list by others, but only afterwards.
    const auto job = std::find_if(jobs->begin(), jobs->end(), [&](const v1::JobStatus& candidate) {
      return candidate.spec().token() == submission.token;
    });
    if (job != jobs->end()) {
      const absl::StatusOr<int64_t> number = store.PutRun(board, *job);
      if (!number.ok()) return number.status();
      PrintNote(
          fmt::format("run {} ({}): an earlier command ended before it had entered it; found "
                      "on the board again",
                      *number, job->spec().net_name()));
    } else if (now_unix_ns - submission.created_unix_ns > kSubmissionGraceNs) {
      const absl::Status removed = store.RemoveSubmission(board.board_id(), submission.token);
      if (!removed.ok()) return removed;
    }
  }
  return absl::OkStatus();
}

}  // namespace synergy
