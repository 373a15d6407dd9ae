// A RunSession's measured iterations: all in one go, or block by block until their operators'
// energies are known well enough. And the operator that is repeated behind them.
#include <algorithm>
#include <utility>

#include "common/files.h"
#include "common/precision_request.h"
#include "daemon/jobs/block_plan.h"
#include "daemon/jobs/estimate_process.h"
#include "daemon/jobs/run_session.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr Nanoseconds kLookStep = Milliseconds(2);
// What a job still needs after its measured iterations, beside its idle phase and its loop.
constexpr double kEndS = 5;

}  // namespace

absl::Status RunSession::Measure() {
  const absl::Status status =
      job_.spec().precision() > 0 ? MeasureBlocks() : MeasureBlock(0, job_.spec().iterations());
  EndWatching();
  if (!status.ok()) return status;
  facts_.operator_s = feed_->MeanTimes();
  return status;
}

absl::Status RunSession::MeasureBlock(uint32_t first, uint32_t count) {
  facts_.expected = uint64_t{driver_->operator_count()} * (uint64_t{first} + count);
  const std::vector<ReadingTally::Rail> before = recording_.tally().Count();
  const MonotonicTime begin = clock_.Now();
  const absl::Status status = driver_->RunBlock(v1::PHASE_MEASURE, first, count);
  const MonotonicTime end = clock_.Now();
  if (!status.ok()) return status;
  const std::vector<ReadingTally::Rail> after = recording_.tally().Count();
  facts_.iterations += count;
  facts_.measured_s += (end - begin).seconds();
  facts_.rails.resize(after.size());
  for (size_t i = 0; i < after.size(); ++i) {
    ReadingCount& rail = facts_.rails[i];
    rail.rail = after[i].rail;
    rail.window_s = after[i].window_s;
    rail.separates = after[i].separates;
    rail.readings += after[i].readings - before[i].readings;
    rail.repeats += after[i].repeats - before[i].repeats;
  }
  return status;
}

absl::Status RunSession::MeasureBlocks() {
  const v1::JobSpec& spec = job_.spec();
  const double asked_s = spec.max_time_s() > 0 ? spec.max_time_s() : kDefaultMaxTimeS;
  const double reserve_s = kEndS + 2 * spec.idle_s() + spec.loop().seconds();
  const double max_s = std::min(asked_s, driver_->time_left().seconds() - reserve_s);
  facts_.precision = {.target = spec.precision(), .max_s = max_s};
  BlockPlan plan({.target = spec.precision(), .least = spec.iterations(), .max_s = max_s},
                 warmup_iteration_s_ + 0.5 * spec.longest_pause_s());
  const MonotonicTime begin = clock_.Now();
  const auto elapsed_s = [&] { return (clock_.Now() - begin).seconds(); };
  while (const uint32_t count = plan.Next(elapsed_s())) {
    if (plan.iterations() > 0) SetPhase(v1::PHASE_MEASURE);
    const double before_s = elapsed_s();
    const absl::Status measured = MeasureBlock(plan.iterations(), count);
    if (!measured.ok()) return measured;
    const double measured_s = elapsed_s();
    plan.Measured(count, measured_s - before_s);
    v1::MeasuredBlock so_far;
    if (!facts_.precision->blocks.empty()) so_far = facts_.precision->blocks.back();
    so_far.set_iterations(plan.iterations());
    recording_.SetPrecision(so_far);
    SetPhase(v1::PHASE_DECIDING);
    absl::StatusOr<v1::MeasuredBlock> block = Estimate();
    if (!block.ok()) return block.status();
    block->set_iterations(plan.iterations());
    block->set_time_s(measured_s);
    const bool known = block->why_not().empty();
    plan.Found(known ? std::optional(block->widest_interval()) : std::nullopt,
               elapsed_s() - measured_s);
    recording_.SetPrecision(*block);
    facts_.precision->blocks.push_back(*std::move(block));
  }
  return absl::OkStatus();
}

// What goes wrong in synergy-estimate makes the precision unknown, not the job fail.
absl::StatusOr<v1::MeasuredBlock> RunSession::Estimate() {
  if (absl::Status flushed = recording_.Flush(); !flushed.ok()) return flushed;
  const absl::StatusOr<UniqueFd> spool = OpenForReading(folder_.Spool());
  if (!spool.ok()) return spool.status();
  const absl::StatusOr<std::unique_ptr<EstimateProcess>> process =
      EstimateProcess::Start({.launcher = options_.launcher,
                              .executable = options_.estimator,
                              .user = options_.engine_user,
                              .cpus = cores_.job},
                             spool->get());
  std::optional<absl::StatusOr<v1::RunEstimate>> estimate;
  if (!process.ok()) estimate = process.status();
  while (!estimate) {
    if (absl::Status status = driver_->Idle(kLookStep); !status.ok()) return status;
    estimate = (*process)->TryTake();
  }
  if (estimate->ok()) return WidestOf(**estimate, precision_rails_);
  spdlog::error("run {}: {}", job_.run_id(), estimate->status().ToString());
  v1::MeasuredBlock unknown;
  unknown.set_rail(precision_rails_.front());
  unknown.set_why_not(std::string(estimate->status().message()));
  return unknown;
}

absl::Status RunSession::Loop() {
  if (!job_.spec().has_loop()) return absl::OkStatus();
  SetPhase(v1::PHASE_LOOP);
  return driver_->Loop(job_.spec().loop().op(), Seconds(job_.spec().loop().seconds()));
}

}  // namespace synergy
