// A model of the INA3221 at the level of its registers (ina3221_registers.h), in the time of
// whoever reads it. What it models:
//   * the conversion cycle: channel by channel the shunt slot, then the bus slot, of the channels
//   and
//     quantities that the configuration enables; each conversion averages the true voltage over its
//     own slot and nothing else;
//   * the chip's own oscillator: all times are off by one factor drawn from `oscillator_tolerance`,
//   and
//     the phase is free: the first conversion begins at a drawn instant within one cycle of the
//     configuration's write, which restarts the cycle;
//   * gain error, noise (normal, before quantisation), 13-bit quantisation with clipping;
//   * the recursive averaging filter, new = old + (x - old) / N, which starts from what the data
//     register held, as the datasheet describes it;
//   * continuous and triggered modes, power-down, reset, and the conversion-ready flag, set when
//   all
//     conversions of N cycles are done and cleared by reading it or by writing the configuration.
// Left out: alerts, limits and the summation register (they keep what is written to them), and the
// offset error (up to 80 uV of shunt voltage), which is the same with and without a job.
//
// What a conversion gives is a function of the seed and its number alone, not of when or how often
// the chip is read. Reading costs the conversions that still matter, however long the chip was not
// read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/clock.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/oscillator_drift.h"
#include "daemon/power/power_trace.h"
#include "daemon/power/register_chip.h"

namespace synergy {

struct Ina3221ChipOptions {
  uint64_t seed = 0;         // of oscillator, phase, gains and noise
  double noise_steps = 0.3;  // standard deviation of one conversion, in steps of the data register
  double oscillator_tolerance = ina3221::kOscillatorTolerance;  // drawn evenly from +- this
  double gain_tolerance = ina3221::kGainTolerance;  // likewise, per channel and quantity
  std::optional<double> oscillator_factor = {};     // instead of a drawn one
};

// What a channel's pins are connected to.
struct Ina3221Input {
  size_t rail = 0;  // of the trace
  double shunt_ohm = 0;
};

// Thread-compatible; its bus locks it. Times must not run backwards.
class Ina3221Chip final : public RegisterChip {
 public:
  // Powered on at `power_on`. `trace` outlives the chip.
  Ina3221Chip(const Ina3221ChipOptions& options,
              const std::array<Ina3221Input, ina3221::kChannels>& inputs, PowerTrace& trace,
              MonotonicTime power_on);

  uint16_t Read(uint8_t reg, MonotonicTime at) override;
  void Write(uint8_t reg, uint16_t value, MonotonicTime at) override;

  // Draws the noise of all conversions that end after `at` from another seed.
  void SeedNoise(uint64_t seed, MonotonicTime at);

  // From the drift's begin on, which lies behind the last configuration and all reads.
  void SetDrift(const OscillatorDrift& drift) { drift_ = drift; }

  // For tests and documents: the factor on all of the chip's times.
  double oscillator_factor() const { return oscillator_factor_; }
  // Conversions of a data register that were done by `at`, counted from the last configuration.
  int64_t Conversions(uint8_t data_register, MonotonicTime at) const;
  // Which span of time conversion `number` of these, from 1, integrates.
  struct Conversion {
    MonotonicTime begin;
    MonotonicTime end;
  };
  Conversion ConversionNumber(uint8_t data_register, int64_t number) const;

 private:
  // One conversion of the cycle, in ns after the cycle's begin.
  struct Slot {
    uint8_t reg = 0;
    double begin_ns = 0;
    double end_ns = 0;
  };
  struct DataRegister {
    double filtered = 0;  // steps, before rounding
    int64_t done = 0;     // conversions of the present configuration that are in it
    double gain = 1;
    uint16_t word = 0;
  };

  void Reset(MonotonicTime at);
  void Configure(uint16_t value, MonotonicTime at);
  void BuildCycle();
  void CatchUpAll(MonotonicTime at);
  void CatchUp(const Slot& slot, MonotonicTime at);
  int64_t ConversionsOf(const Slot& slot, MonotonicTime at) const;
  int64_t CyclesDone(MonotonicTime at) const;
  // Steps, before the filter.
  int Convert(const Slot& slot, int64_t cycle) const;
  MonotonicTime CycleTime(int64_t cycle, double offset_ns) const;
  void ReleaseTrace(MonotonicTime at);

  const std::array<Ina3221Input, ina3221::kChannels> inputs_;
  const double noise_steps_;
  const uint64_t seed_;
  PowerTrace& trace_;
  double oscillator_factor_ = 1;
  uint64_t noise_seed_;

  std::array<uint16_t, 0x12> registers_{};  // what was written, by address
  std::array<DataRegister, ina3221::kLastData + 1> data_{};
  ina3221::Configuration config_;
  uint64_t configurations_ = 0;  // written so far, resets included
  OscillatorDrift drift_;
  MonotonicTime start_;      // of the first conversion, in the chip's time
  std::vector<Slot> slots_;  // of the cycle, in order; empty: powered down
  double cycle_ns_ = 0;
  int64_t batches_seen_ = 0;  // of N cycles, when the flag was last read
};

}  // namespace synergy
