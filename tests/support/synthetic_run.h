// A run with known powers, as the chunks of a device would give it: operators of drawn durations
// and powers, one rail of a chip that converts current for a part of its cycle, its own oscillator,
// noise and rounding. In no other way simulated: what the estimator assumes is either so here or
// broken on purpose.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/attribution/occupancy.h"
#include "common/attribution/run_data.h"
#include "tests/support/run_builder.h"

namespace synergy {

struct SyntheticOptions {
  uint64_t seed = 1;
  int operators = 66;
  double median_s = 5e-4;  // of an operator's duration, log-normal with `spread`
  double spread = 1.0;
  int iterations = 300;
  double idle_s = 2;
  double jitter = 0.03;       // of durations, log-normal
  double level_steps = 12.3;  // of the idle rail
  double dynamic_steps = 10;  // operators draw half to one and a half of it on top
  double power_jitter = 0;    // from execution to execution, relative to the dynamic power
  double drift = 0;           // of the rail's power over the run, relative to its level
  double noise_steps = 0.3;
  double period_s = 840e-6;
  double slot_share = 1.0 / 6;
  double oscillator_tolerance = 0.1;  // drawn evenly from +- this
  double oscillator_drift = 0;        // relative, over the run
  double rate_hz = 1000;
  double delay_s = 0;              // by which the sensor shows what was before
  double failed = 0;               // share of readings that are missing
  int wild_every = 0;              // so many readings are one that nothing could give; 0: none is
  int decide_every = 0;            // iterations, after which the device decides; 0: it never does
  bool stamps_are_window = false;  // each reading is a conversion, with its exact window
};

struct SyntheticRun {
  RunData data;
  std::vector<double> energy_j;  // mean of each operator's executions
  std::vector<double> seconds;   // likewise
  double idle_w = 0;
};

class SyntheticRunMaker {
 public:
  explicit SyntheticRunMaker(const SyntheticOptions& options)
      : o_(options), random_(options.seed) {}

  SyntheticRun Make() {
    DrawOperators();
    DrawTimes();
    Measure();
    return Assemble();
  }

 private:
  static constexpr double kScale = 0.01;  // W a step
  // Categories of `truth_`: executions have their own behind them.
  static constexpr uint32_t kIdle = 0, kDeciding = 1;
  static constexpr double kDecidingNs = 200e6;

  double Even() { return std::uniform_real_distribution<double>()(random_); }
  double Normal() { return std::normal_distribution<double>()(random_); }

  void DrawOperators() {
    for (int i = 0; i < o_.operators; ++i) {
      durations_.push_back(
          std::fmin(8e6, std::fmax(5e3, 1e9 * o_.median_s * std::exp(o_.spread * Normal()))));
      powers_.push_back(o_.level_steps + o_.dynamic_steps * (0.5 + Even()));
    }
    steps_ = {o_.level_steps, 3 * o_.level_steps};
  }

  void DrawTimes() {
    double t = o_.idle_s * 1e9;
    truth_.Append(t, kIdle);
    measure_begin_ = static_cast<int64_t>(t);
    for (int i = 0; i < o_.iterations; ++i) {
      if (o_.decide_every > 0 && i > 0 && i % o_.decide_every == 0) {
        decisions_.push_back(static_cast<int64_t>(t));
        truth_.Append(t += kDecidingNs, kDeciding);
      }
      t = std::floor(t + 1e6 * Even());
      const double begin = t;
      for (int op = 0; op < o_.operators; ++op) {
        const auto index = static_cast<size_t>(op);
        truth_.Append(t, kIdle);
        const double end = std::floor(t + durations_[index] * std::exp(o_.jitter * Normal()));
        const double power =
            powers_[index] + o_.power_jitter * (powers_[index] - o_.level_steps) * Normal();
        steps_.push_back(power);
        truth_.Append(end, static_cast<uint32_t>(steps_.size() - 1));
        markers_.push_back(MarkerOf(t, end, static_cast<uint32_t>(op), static_cast<uint32_t>(i)));
        t = end + 2e3;
      }
      markers_.push_back(MarkerOf(begin, t, kOpNet, static_cast<uint32_t>(i)));
    }
    measure_end_ = static_cast<int64_t>(t);
    end_ = t + o_.idle_s * 1e9;
    truth_.Append(end_, kIdle);
  }

  static Marker MarkerOf(double begin, double end, uint32_t op, uint32_t iteration) {
    return {.begin_ns = static_cast<int64_t>(begin),
            .end_ns = static_cast<int64_t>(end),
            .op = op,
            .iteration = iteration,
            .thread = 0,
            .device = 0,
            .phase = v1::PHASE_MEASURE,
            .event = 0};
  }

  double DriftAt(double at) const { return o_.drift * o_.level_steps * (at / end_ - 0.5); }

  void Measure() {
    const Eigen::VectorXd steps =
        Eigen::Map<Eigen::VectorXd>(steps_.data(), static_cast<Eigen::Index>(steps_.size()));
    const PowerCourse power(truth_, steps);
    const double period = 1e9 * o_.period_s * (1 + o_.oscillator_tolerance * (2 * Even() - 1));
    double end = period * (1 + Even()), due = 2e6, last = 0, last_begin = 0;
    double next_read = due;
    while (end < end_) {
      const double length = period * (1 + o_.oscillator_drift * end / end_);
      const double begin = end - length * o_.slot_share;
      // The register keeps the conversion before until this one is done.
      while (next_read < end) {
        if (last_begin > 0 && Even() >= o_.failed && !o_.stamps_are_window) {
          const auto at = static_cast<int64_t>(next_read);
          readings_.push_back(
              {at - 60'000, at + 60'000, static_cast<int64_t>(last), Freshness::kUnknown});
        }
        due += 1e9 / o_.rate_hz;
        next_read = due - 50e3 * std::log(1 - Even());
      }
      const double before = 1e9 * o_.delay_s;
      last = std::round(power.Mean(begin - before, end - before) + DriftAt(0.5 * (begin + end)) +
                        o_.noise_steps * Normal());
      last_begin = begin;
      if (o_.stamps_are_window && Even() >= o_.failed) {
        readings_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end),
                             static_cast<int64_t>(last), Freshness::kFresh});
      }
      end += length;
    }
  }

  SyntheticRun Assemble() {
    if (o_.wild_every > 0) {
      for (size_t i = 0; i < readings_.size(); i += static_cast<size_t>(o_.wild_every)) {
        readings_[i].raw *= 3;
      }
    }
    RunBuilder builder;
    builder.Rail("VDD");
    const uint32_t channel = builder.Channel("VDD", v1::ChannelInfo::QUANTITY_POWER, kScale);
    v1::Window* window = builder.header().mutable_channels(0)->mutable_window();
    window->set_period_s(o_.period_s);
    window->set_slot_s(o_.period_s * o_.slot_share);
    window->set_period_tolerance(o_.oscillator_tolerance);
    window->set_average(1);
    window->set_stamps_are_window(o_.stamps_are_window);
    builder.WriteHeader();
    WritePhase(v1::PHASE_IDLE, 0, &builder);
    WritePhase(v1::PHASE_MEASURE, measure_begin_, &builder);
    for (const int64_t at : decisions_) {
      WritePhase(v1::PHASE_DECIDING, at, &builder);
      WritePhase(v1::PHASE_MEASURE, at + static_cast<int64_t>(kDecidingNs), &builder);
    }
    WritePhase(v1::PHASE_IDLE, measure_end_, &builder);
    builder.Write(markers_);
    builder.Write(channel, readings_);
    builder.WriteEnd(v1::JOB_STATE_DONE);
    SyntheticRun run;
    for (const v1::Chunk& chunk : builder.chunks()) {
      if (!run.data.Add(chunk).ok()) std::abort();
    }
    AddTruth(&run);
    return run;
  }

  static void WritePhase(v1::Phase phase, int64_t at_ns, RunBuilder* builder) {
    v1::RunRecord record;
    record.mutable_phase()->set_phase(phase);
    record.mutable_phase()->set_at_ns(at_ns);
    builder->Write(record);
  }

  void AddTruth(SyntheticRun* run) const {
    run->energy_j.resize(durations_.size());
    run->seconds.resize(durations_.size());
    run->idle_w = kScale * o_.level_steps;
    size_t execution = kDeciding;
    for (const Marker& m : markers_) {
      if (m.op == kOpNet) continue;
      const double seconds = 1e-9 * static_cast<double>(m.end_ns - m.begin_ns);
      const double middle = 0.5 * static_cast<double>(m.begin_ns + m.end_ns);
      run->energy_j[m.op] +=
          kScale * (steps_[++execution] + DriftAt(middle)) * seconds / o_.iterations;
      run->seconds[m.op] += seconds / o_.iterations;
    }
  }

  const SyntheticOptions o_;
  std::mt19937_64 random_;
  std::vector<double> durations_, powers_;  // ns, steps
  std::vector<double> steps_;               // by category of truth_
  Occupancy truth_{0};
  std::vector<Marker> markers_;
  std::vector<int64_t> decisions_;  // begins
  std::vector<Reading> readings_;
  int64_t measure_begin_ = 0, measure_end_ = 0;
  double end_ = 0;
};

inline SyntheticRun MakeSyntheticRun(const SyntheticOptions& options) {
  return SyntheticRunMaker(options).Make();
}

}  // namespace synergy
