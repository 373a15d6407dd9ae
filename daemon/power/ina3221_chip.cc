#include "daemon/power/ina3221_chip.h"

#include <algorithm>
#include <cmath>

#include "common/counter_noise.h"

namespace synergy {
namespace {

using namespace ina3221;

// What the filter still holds of a conversion that lies this many times N back is exp(-40) = 4e-18
// of it, below the resolution of a double: such conversions need not be computed.
constexpr int64_t kFilterMemory = 40;

// Keys of the draws, so that none of them shares its numbers with another.
constexpr uint64_t kOscillatorKey = 1, kGainKey = 2, kPhaseKey = 3, kNoiseKey = 4;

double Spread(uint64_t seed, uint64_t key, uint64_t counter, double tolerance) {
  return 1.0 + tolerance * (2.0 * UniformDraw(MixHash(seed, key), counter) - 1.0);
}

bool IsShunt(uint8_t reg) { return (reg & 1) != 0; }
size_t ChannelOf(uint8_t reg) { return (reg - 1) / 2; }
bool IsData(uint8_t reg) { return reg >= 1 && reg <= kLastData; }

}  // namespace

Ina3221Chip::Ina3221Chip(const Ina3221ChipOptions& options,
                         const std::array<Ina3221Input, kChannels>& inputs, PowerTrace& trace,
                         MonotonicTime power_on)
    : inputs_(inputs),
      noise_steps_(options.noise_steps),
      seed_(options.seed),
      trace_(trace),
      oscillator_factor_(options.oscillator_factor.value_or(
          Spread(seed_, kOscillatorKey, 0, options.oscillator_tolerance))),
      noise_seed_(MixHash(seed_, kNoiseKey)) {
  for (uint8_t reg = 1; reg <= kLastData; ++reg) {
    data_[reg].gain = Spread(seed_, kGainKey, reg, options.gain_tolerance);
  }
  Reset(power_on);
}

void Ina3221Chip::Reset(MonotonicTime at) {
  registers_.fill(0);
  for (uint8_t reg = 0x07; reg <= 0x0C; ++reg) registers_[reg] = 0x7FF8;  // alert limits
  registers_[0x0E] = 0x7FFE;                                              // shunt-voltage sum limit
  registers_[kMaskEnable] = kResetMaskEnable;
  registers_[0x10] = 0x2710;  // power-valid upper limit, 10 V
  registers_[0x11] = 0x2328;  // power-valid lower limit, 9 V
  for (DataRegister& data : data_) {
    data.filtered = 0;
    data.word = 0;
  }
  Configure(kResetConfiguration, at);
}

void Ina3221Chip::Configure(uint16_t value, MonotonicTime at) {
  registers_[kConfiguration] = value;
  config_ = Decode(value);
  BuildCycle();
  for (DataRegister& data : data_) data.done = 0;
  batches_seen_ = 0;
  ++configurations_;
  const double delay_ns = cycle_ns_ * UniformDraw(MixHash(seed_, kPhaseKey), configurations_);
  start_ = drift_.ToChip(at) + Nanoseconds{std::llround(delay_ns)};
  ReleaseTrace(at);
}

void Ina3221Chip::BuildCycle() {
  slots_.clear();
  cycle_ns_ = 0;
  const auto add = [this](uint8_t reg, uint8_t time) {
    const double length_ns = kConversionUs[time] * 1e3 * oscillator_factor_;
    slots_.push_back({.reg = reg, .begin_ns = cycle_ns_, .end_ns = cycle_ns_ + length_ns});
    cycle_ns_ += length_ns;
  };
  for (size_t channel = 0; channel < kChannels; ++channel) {
    if (!config_.enabled[channel]) continue;
    if ((config_.mode & kModeShunt) != 0) add(ShuntRegister(channel), config_.shunt_time);
    if ((config_.mode & kModeBus) != 0) add(BusRegister(channel), config_.bus_time);
  }
}

uint16_t Ina3221Chip::Read(uint8_t reg, MonotonicTime at) {
  if (IsData(reg)) {
    for (const Slot& slot : slots_) {
      if (slot.reg == reg) CatchUp(slot, at);
    }
    ReleaseTrace(at);
    return data_[reg].word;
  }
  if (reg == kMaskEnable) {
    const int64_t batches = CyclesDone(at) / kAverages[config_.average];
    const bool ready = batches > batches_seen_;
    batches_seen_ = batches;
    return static_cast<uint16_t>(registers_[kMaskEnable] | (ready ? kConversionReadyBit : 0));
  }
  if (reg == kManufacturerId) return kTexasInstruments;
  if (reg == kDieId) return kDie;
  return reg < registers_.size() ? registers_[reg] : 0;  // others: the datasheet knows none
}

void Ina3221Chip::Write(uint8_t reg, uint16_t value, MonotonicTime at) {
  if (reg == kConfiguration) {
    if ((value & kResetBit) != 0) return Reset(at);
    CatchUpAll(at);  // the data registers keep what they hold now
    return Configure(value, at);
  }
  if (IsData(reg) || reg >= registers_.size()) return;  // read-only, or not there
  registers_[reg] =
      reg == kMaskEnable ? static_cast<uint16_t>(value & ~kConversionReadyBit) : value;
}

void Ina3221Chip::SeedNoise(uint64_t seed, MonotonicTime at) {
  CatchUpAll(at);
  noise_seed_ = MixHash(MixHash(seed_, kNoiseKey), seed);
}

int64_t Ina3221Chip::Conversions(uint8_t data_register, MonotonicTime at) const {
  for (const Slot& slot : slots_) {
    if (slot.reg == data_register) return ConversionsOf(slot, at);
  }
  return 0;
}

Ina3221Chip::Conversion Ina3221Chip::ConversionNumber(uint8_t data_register, int64_t number) const {
  for (const Slot& slot : slots_) {
    if (slot.reg != data_register) continue;
    return {CycleTime(number - 1, slot.begin_ns), CycleTime(number - 1, slot.end_ns)};
  }
  return {};
}

int64_t Ina3221Chip::ConversionsOf(const Slot& slot, MonotonicTime at) const {
  const double since_ns = static_cast<double>((drift_.ToChip(at) - start_).count) - slot.end_ns;
  if (since_ns < 0) return 0;
  const auto done = static_cast<int64_t>(since_ns / cycle_ns_) + 1;
  const bool continuous = (config_.mode & kModeContinuous) != 0;
  return continuous ? done : std::min<int64_t>(done, kAverages[config_.average]);
}

int64_t Ina3221Chip::CyclesDone(MonotonicTime at) const {
  return slots_.empty() ? 0 : ConversionsOf(slots_.back(), at);
}

void Ina3221Chip::CatchUpAll(MonotonicTime at) {
  for (const Slot& slot : slots_) CatchUp(slot, at);
  ReleaseTrace(at);
}

void Ina3221Chip::CatchUp(const Slot& slot, MonotonicTime at) {
  DataRegister& data = data_[slot.reg];
  const int64_t done = ConversionsOf(slot, at);
  const int64_t average = kAverages[config_.average];
  // Without a filter the last conversion is all that the register shows.
  const int64_t memory = average == 1 ? 1 : kFilterMemory * average;
  for (int64_t cycle = std::max(data.done, done - memory); cycle < done; ++cycle) {
    data.filtered += (Convert(slot, cycle) - data.filtered) / static_cast<double>(average);
  }
  data.done = done;
  data.word = Word(static_cast<int>(std::lround(data.filtered)));
}

int Ina3221Chip::Convert(const Slot& slot, int64_t cycle) const {
  const MonotonicTime begin = CycleTime(cycle, slot.begin_ns);
  const MonotonicTime end = CycleTime(cycle, slot.end_ns);
  const Ina3221Input& input = inputs_[ChannelOf(slot.reg)];
  const double steps =
      IsShunt(slot.reg) ? trace_.MeanCurrent(input.rail, begin, end) * input.shunt_ohm / kShuntStepV
                        : trace_.MeanVoltage(input.rail, begin, end) / kBusStepV;
  const uint64_t key = MixHash(MixHash(noise_seed_, configurations_), slot.reg);
  const double noise = noise_steps_ * NormalDraw(key, static_cast<uint64_t>(cycle));
  const double seen = std::round(steps * data_[slot.reg].gain + noise);
  return static_cast<int>(
      std::clamp(seen, static_cast<double>(kMinSteps), static_cast<double>(kMaxSteps)));
}

MonotonicTime Ina3221Chip::CycleTime(int64_t cycle, double offset_ns) const {
  const double since_ns = static_cast<double>(cycle) * cycle_ns_ + offset_ns;
  return drift_.ToClock(start_ + Nanoseconds{std::llround(since_ns)});
}

void Ina3221Chip::ReleaseTrace(MonotonicTime at) {
  // The earliest conversion that some data register may still have to take in.
  MonotonicTime needed = at;
  const int64_t average = kAverages[config_.average];
  const int64_t memory = average == 1 ? 1 : kFilterMemory * average;
  for (const Slot& slot : slots_) {
    const int64_t next = std::max(data_[slot.reg].done, ConversionsOf(slot, at) - memory);
    needed = std::min(needed, CycleTime(next, slot.begin_ns));
  }
  trace_.ForgetBefore(needed);
}

}  // namespace synergy
