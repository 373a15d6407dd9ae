// The load patterns that a RunSession plays around its job. The rest is in run_session.cc.
#include <algorithm>

#include "daemon/jobs/cooling.h"
#include "daemon/jobs/run_session.h"

namespace synergy {
namespace {

// Whoever looks for the pattern finds it by the idle time around it, too.
constexpr Nanoseconds kLeastMargin = Milliseconds(100);
constexpr int kMarginChips = 3;
constexpr Nanoseconds kStep = Milliseconds(5);

}  // namespace

absl::Status RunSession::PlayChirp(bool after) {
  if (!chirps_) return absl::OkStatus();
  const v1::LoadChirp& chirp = job_.spec().load_chirp();
  const Nanoseconds margin =
      std::max(kLeastMargin, Seconds(kMarginChips * chirp.seconds_per_chip()));
  if (absl::Status idle = driver_->Idle(margin); !idle.ok()) return idle;
  absl::StatusOr<v1::ChirpPlayed> played =
      chirps_->Play(chirp, after, [this] { return driver_->Idle(kStep); });
  if (!played.ok()) return played.status();
  v1::RunRecord record;
  *record.mutable_chirp() = *std::move(played);
  recording_.Record(record);
  return driver_->Idle(margin);
}

// A load pattern warms a board that was cool.
absl::Status RunSession::CoolAgain() {
  if (!chirps_ || job_.spec().cool_below_c() <= 0) return absl::OkStatus();
  return WaitUntilCool(
      job_.spec(), parts_.clocks->OpenConditions(),
      [this](Nanoseconds span) { return driver_->Idle(span); }, progress_, clock_);
}

}  // namespace synergy
