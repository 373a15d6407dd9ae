#include "daemon/power/realised_power.h"

#include <algorithm>
#include <cmath>

namespace synergy::sim {
namespace {

constexpr int64_t kStepNs = 10'000'000;
constexpr double kStepS = 0.01;
// A change per step that is below this does not happen: the temperature is steady.
constexpr double kSteadyK = 1e-9;

void Add(const BoardPower& extra, BoardPower* power) {
  for (size_t rail = 0; rail < kRails; ++rail) power->watts[rail] += extra.watts[rail];
  power->all_w += extra.all_w;
}

}  // namespace

RealisedPower::RealisedPower(const SimulationProfile& board, MonotonicTime begin,
                             const CpuOperatingPoint& point)
    : board_(board),
      point_(point),
      temperature_c_(IdleTemperature(board, point)),
      end_ns_(begin.ns),
      step_begin_ns_(begin.ns) {}

PerRail RealisedPower::Extend(MonotonicTime until, std::span<const OperatorLoad> running) {
  PerRail joules{};
  while (end_ns_ < until.ns) {
    BoardPower power = PowerOf(board_, running, point_, temperature_c_);
    if (extra_) Add(extra_({step_begin_ns_}), &power);
    const int64_t begin_ns = end_ns_;
    const double change =
        TemperatureAfter(board_, temperature_c_, power.all_w, kStepS) - temperature_c_;
    int64_t steps = 1;
    if (!extra_ && end_ns_ == step_begin_ns_ && std::abs(change) < kSteadyK) {
      steps =
          std::max<int64_t>(1, (until.ns - end_ns_) / kStepNs);  // nothing happens at their ends
    }
    Append(std::min(until.ns, step_begin_ns_ + steps * kStepNs), power, running.empty());
    const double seconds = Nanoseconds{end_ns_ - begin_ns}.seconds();
    for (size_t rail = 0; rail < kRails; ++rail) joules[rail] += power.watts[rail] * seconds;
    step_joules_ += power.all_w * seconds;
    if (end_ns_ == step_begin_ns_ + kStepNs) {
      StepTemperature();
    } else if (end_ns_ > step_begin_ns_ + kStepNs) {  // whole steps at a steady temperature
      step_begin_ns_ = end_ns_;
      step_joules_ = 0;
    }
  }
  return joules;
}

void RealisedPower::Append(int64_t until_ns, const BoardPower& power, bool idle) {
  if (!pieces_.empty() && pieces_.back().power == power && pieces_.back().idle == idle) {
    pieces_.back().end_ns = until_ns;
  } else {
    pieces_.push_back({.begin_ns = end_ns_,
                       .end_ns = until_ns,
                       .power = power,
                       .supply_v = SupplyVoltage(board_, power.all_w),
                       .idle = idle});
  }
  end_ns_ = until_ns;
}

void RealisedPower::StepTemperature() {
  const double next = TemperatureAfter(board_, temperature_c_, step_joules_ / kStepS, kStepS);
  if (std::abs(next - temperature_c_) >= kSteadyK) temperature_c_ = next;
  step_begin_ns_ = end_ns_;
  step_joules_ = 0;
}

template <typename Visit>
void RealisedPower::ForEach(MonotonicTime begin, MonotonicTime end, Visit visit) const {
  auto piece = std::ranges::upper_bound(pieces_, begin.ns, {}, &Piece::end_ns);
  for (; piece != pieces_.end() && piece->begin_ns < end.ns; ++piece) {
    const int64_t overlap_ns =
        std::min(piece->end_ns, end.ns) - std::max(piece->begin_ns, begin.ns);
    visit(*piece, Nanoseconds{overlap_ns}.seconds());
  }
}

PerRail RealisedPower::Energy(MonotonicTime begin, MonotonicTime end, bool idle_only) const {
  PerRail joules{};
  ForEach(begin, end, [&](const Piece& piece, double seconds) {
    if (idle_only && !piece.idle) return;
    for (size_t rail = 0; rail < kRails; ++rail) joules[rail] += piece.power.watts[rail] * seconds;
  });
  return joules;
}

double RealisedPower::MeanCurrent(size_t rail, MonotonicTime begin, MonotonicTime end) const {
  double coulombs = 0;
  ForEach(begin, end, [&](const Piece& piece, double seconds) {
    coulombs += piece.power.watts[rail] / RailVoltage(board_.rails[rail], piece.supply_v) * seconds;
  });
  return coulombs / (end - begin).seconds();
}

double RealisedPower::MeanVoltage(size_t rail, MonotonicTime begin, MonotonicTime end) const {
  double volt_seconds = 0;
  ForEach(begin, end, [&](const Piece& piece, double seconds) {
    volt_seconds += RailVoltage(board_.rails[rail], piece.supply_v) * seconds;
  });
  return volt_seconds / (end - begin).seconds();
}

double RealisedPower::MeanPower(size_t rail, MonotonicTime begin, MonotonicTime end) const {
  return Energy(begin, end)[rail] / (end - begin).seconds();
}

void RealisedPower::ForgetBefore(MonotonicTime time) {
  while (pieces_.size() > 1 && pieces_.front().end_ns <= time.ns) pieces_.pop_front();
}

}  // namespace synergy::sim
