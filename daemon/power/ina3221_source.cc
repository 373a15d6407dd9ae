#include "daemon/power/ina3221_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "common/records/reading_span.h"

namespace synergy {
namespace {

using namespace ina3221;

constexpr Nanoseconds kVoltageInterval = Milliseconds(100);  // of one channel
constexpr Nanoseconds kVerifyInterval = Milliseconds(1000);
// Of a register over the fastest bus of the chip (3.4 MHz).
constexpr double kShortestReadS = 14e-6;

// The place of `value` in one of the chip's tables; the first for 0. Nothing: it is not there.
std::optional<uint8_t> PlaceIn(std::span<const int> table, uint32_t value) {
  if (value == 0) return 0;
  const auto found = std::ranges::find(table, static_cast<int>(value));
  if (found == table.end()) return std::nullopt;
  return static_cast<uint8_t>(found - table.begin());
}

// The status with what was tried in front of it; the code stays.
absl::Status While(const std::string& what, const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}: {}", what, std::string(status.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ina3221Source>> Ina3221Source::Open(std::shared_ptr<RegisterBus> bus,
                                                                   const Ina3221Wiring& wiring) {
  bool any = false;
  for (const auto& channel : wiring.channels) {
    if (!channel.has_value()) continue;
    any = true;
    if (!(channel->shunt_ohm > 0)) {
      return absl::InvalidArgumentError(
          fmt::format("ina3221 {:#04x}: the shunt of {} is {} ohm; it must be positive",
                      wiring.address, channel->rail, channel->shunt_ohm));
    }
  }
  if (!any) {
    return absl::InvalidArgumentError(fmt::format(
        "ina3221 {:#04x}: no channel is connected to a rail; name one in the board's profile",
        wiring.address));
  }
  if (!PlaceIn(kAverages, wiring.averages) || !PlaceIn(kConversionUs, wiring.conversion_us)) {
    return absl::InvalidArgumentError(fmt::format(
        "ina3221 {:#04x}: the chip has neither averages of {} nor conversions of {} us; its tables "
        "are in SBOS576",
        wiring.address, wiring.averages, wiring.conversion_us));
  }
  std::unique_ptr<Ina3221Source> source(new Ina3221Source(std::move(bus), wiring));
  if (absl::Status status = source->VerifyIdentity(); !status.ok()) return status;
  if (absl::Status status = source->Program(); !status.ok()) return status;
  if (absl::Status status = source->AwaitFirstCycle(); !status.ok()) return status;
  return source;
}

Ina3221Source::Ina3221Source(std::shared_ptr<RegisterBus> bus, const Ina3221Wiring& wiring)
    : bus_(std::move(bus)),
      address_(wiring.address),
      name_(wiring.name.empty() ? fmt::format("ina3221 {:#04x}", wiring.address) : wiring.name),
      remarks_(wiring.remarks) {
  for (size_t i = 0; i < kChannels; ++i) config_.enabled[i] = wiring.channels[i].has_value();
  config_.average = *PlaceIn(kAverages, wiring.averages);
  config_.bus_time = *PlaceIn(kConversionUs, wiring.conversion_us);
  config_.shunt_time = config_.bus_time;
  Describe(wiring);
}

void Ina3221Source::Describe(const Ina3221Wiring& wiring) {
  const double slot_s = kConversionUs[config_.shunt_time] * 1e-6;
  std::vector<double> until_end_s;  // first in slots
  const auto add = [&](size_t channel, bool voltage) {
    v1::ChannelInfo& info = channels_.emplace_back();
    info.set_rail(wiring.channels[channel]->rail);
    info.set_quantity(voltage ? v1::ChannelInfo::QUANTITY_VOLTAGE
                              : v1::ChannelInfo::QUANTITY_CURRENT);
    info.set_scale(voltage ? kBusStepV : kShuntStepV / wiring.channels[channel]->shunt_ohm);
    info.set_source(fmt::format("{} channel {}", name_, channel + 1));
    const double shunt_tolerance = voltage ? 0 : wiring.channels[channel]->shunt_tolerance;
    info.set_gain_tolerance(kGainTolerance + shunt_tolerance);
    registers_.push_back({.reg = voltage ? BusRegister(channel) : ShuntRegister(channel)});
  };
  for (const bool voltage : {false, true}) {
    for (size_t channel = 0; channel < kChannels; ++channel) {
      if (wiring.channels[channel].has_value()) add(channel, voltage);
    }
    if (!voltage) currents_ = channels_.size();
  }
  // The cycle is shunt, bus, shunt, bus, ... over the channels in use.
  std::vector<double> offsets;
  for (size_t i = 0; i < channels_.size(); ++i) {
    const size_t channel = i % currents_;
    const size_t slots_until_end = 2 * (currents_ - 1 - channel) + (i < currents_ ? 1 : 0);
    until_end_s.push_back(static_cast<double>(slots_until_end) * slot_s);
    offsets.push_back(1.0 - until_end_s.back() / period_s());
    v1::Window& window = *channels_[i].mutable_window();
    window.set_slot_s(slot_s);
    window.set_period_s(period_s());
    window.set_period_tolerance(kOscillatorTolerance);
    window.set_average(static_cast<uint32_t>(kAverages[config_.average]));
    window.set_phase_known(false);
    window.set_cycle(name_);
    window.set_offset(offsets.back());
    channels_[i].set_independent_hz(IndependentHz(window));
  }
  freshness_.emplace(period_s(), kOscillatorTolerance, std::move(until_end_s));
  cycle_.emplace(period_s(), kOscillatorTolerance, std::move(offsets));
}

double Ina3221Source::asked_hz(size_t index) const {
  return index < currents_ ? PowerSource::asked_hz(index) : 1 / kVoltageInterval.seconds();
}

double Ina3221Source::period_s() const {
  return static_cast<double>(2 * static_cast<int>(currents_) * kConversionUs[config_.shunt_time]) *
         1e-6;
}

absl::Status Ina3221Source::VerifyIdentity() {
  absl::StatusOr<RegisterRead> maker = ReadRegister(kManufacturerId);
  if (!maker.ok()) return maker.status();
  absl::StatusOr<RegisterRead> die = ReadRegister(kDieId);
  if (!die.ok()) return die.status();
  if (maker->value == kTexasInstruments && die->value == kDie) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} on {}: identifies itself as {:#06x} {:#06x} instead of {:#06x} {:#06x}, so it is no "
      "INA3221; check the address in the board's profile",
      name_, bus_->name(), maker->value, die->value, kTexasInstruments, kDie));
}

absl::Status Ina3221Source::Program() {
  ++transfers_;
  if (absl::Status status = bus_->Write(address_, kConfiguration, Encode(config_)); !status.ok()) {
    return While(fmt::format("{} on {}: writing the configuration", name_, bus_->name()), status);
  }
  return VerifyConfiguration();
}

absl::Status Ina3221Source::AwaitFirstCycle() {
  // Until then the data registers hold what was there before. Two times the averaged cycle of the
  // slowest chip.
  const double patience_s =
      2 * period_s() * kAverages[config_.average] * (1 + kOscillatorTolerance);
  const int most_reads = static_cast<int>(patience_s / kShortestReadS) + 1;
  for (int i = 0; i < most_reads; ++i) {
    absl::StatusOr<RegisterRead> flag = ReadRegister(kMaskEnable);
    if (!flag.ok()) return flag.status();
    if ((flag->value & kConversionReadyBit) != 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      fmt::format("{} on {}: was told to convert, but {} reads of its conversion-ready flag found "
                  "it clear; check "
                  "the chip's supply",
                  name_, bus_->name(), most_reads));
}

absl::Status Ina3221Source::VerifyConfiguration() {
  absl::StatusOr<RegisterRead> read = ReadRegister(kConfiguration);
  if (!read.ok()) return read.status();
  verify_due_ = read->end + kVerifyInterval;
  if (read->value == Encode(config_)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} on {}: the configuration is {:#06x} although {:#06x} was written, so its readings do not "
      "mean what they are taken for; keep other drivers and programs off this chip",
      name_, bus_->name(), read->value, Encode(config_)));
}

absl::StatusOr<RegisterRead> Ina3221Source::ReadRegister(uint8_t reg) {
  ++transfers_;
  absl::StatusOr<RegisterRead> read = bus_->Read(address_, reg);
  if (read.ok()) return read;
  return While(fmt::format("{} on {}: reading register {:#04x}", name_, bus_->name(), reg),
               read.status());
}

LatchSpan Ina3221Source::Latch(const RegisterRead& read) const {
  const ReadLatch latch = bus_->read_latch();
  return {.earliest = read.begin + latch.after_begin, .latest = read.end - latch.before_end};
}

absl::Status Ina3221Source::ReadChannel(size_t index, std::vector<ChannelReading>* out) {
  Register& source = registers_[index];
  absl::StatusOr<RegisterRead> read = ReadRegister(source.reg);
  if (!read.ok()) return read.status();
  const bool changed = source.last.has_value() && *source.last != read->value;
  source.last = read->value;
  const LatchSpan latch = Latch(*read);
  const CycleFreshness::Seen seen = cycle_->OnRead(index, latch, read->value);
  Freshness freshness = freshness_->OnRead(index, latch, changed);
  if (freshness == Freshness::kUnknown) freshness = seen.freshness;
  out->push_back({.channel = static_cast<uint32_t>(index),
                  .reading = {.begin_ns = read->begin.ns,
                              .end_ns = read->end.ns,
                              .raw = Steps(read->value),
                              .freshness = freshness},
                  .number = seen.number});
  return absl::OkStatus();
}

absl::Status Ina3221Source::Read(std::vector<ChannelReading>* out) {
  absl::StatusOr<RegisterRead> flag = ReadRegister(kMaskEnable);
  if (!flag.ok()) return flag.status();
  const LatchSpan latch = Latch(*flag);
  const bool set = (flag->value & kConversionReadyBit) != 0;
  freshness_->OnFlag(set, latch);
  // The flag stands for the end of a cycle, some time since it was read before.
  if (set && flag_read_.ns > 0) cycle_->OnConversion(1.0, {flag_read_, latch.latest});
  flag_read_ = latch.earliest;
  absl::Status failed;
  for (size_t i = 0; i < currents_; ++i) {
    const absl::Status status = ReadChannel(i, out);
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
    failed.Update(status);  // the other channels may be well
  }
  if (flag->begin >= voltage_due_) {
    const size_t index = currents_ + next_voltage_++ % currents_;
    // The first round goes by at once, one voltage a tick, so that no run begins without.
    const bool first_round = next_voltage_ < currents_;
    const Nanoseconds pause{kVoltageInterval.count / static_cast<int64_t>(currents_)};
    voltage_due_ = first_round ? flag->begin : flag->begin + pause;
    failed.Update(ReadChannel(index, out));
  } else if (flag->begin >= verify_due_) {
    failed.Update(VerifyConfiguration());
  }
  return failed;
}

}  // namespace synergy
