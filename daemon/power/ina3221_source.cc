#include "daemon/power/ina3221_source.h"

#include <fmt/format.h>

#include <utility>

namespace synergy {
namespace {

using namespace ina3221;

constexpr Nanoseconds kVoltageInterval = Milliseconds(100);  // of one channel
constexpr Nanoseconds kVerifyInterval = Milliseconds(1000);
// A read takes at least 14 us (the fastest bus of the chip, 3.4 MHz), two cycles 2 ms.
constexpr int kReadsUntilReady = 200;

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
  std::unique_ptr<Ina3221Source> source(new Ina3221Source(std::move(bus), wiring));
  if (absl::Status status = source->VerifyIdentity(); !status.ok()) return status;
  if (absl::Status status = source->Program(); !status.ok()) return status;
  if (absl::Status status = source->AwaitFirstCycle(); !status.ok()) return status;
  return source;
}

Ina3221Source::Ina3221Source(std::shared_ptr<RegisterBus> bus, const Ina3221Wiring& wiring)
    : bus_(std::move(bus)),
      address_(wiring.address),
      name_(fmt::format("ina3221 {:#04x}", wiring.address)) {
  for (size_t i = 0; i < kChannels; ++i) config_.enabled[i] = wiring.channels[i].has_value();
  config_.average = 0;
  config_.bus_time = 0;
  config_.shunt_time = 0;
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
    registers_.push_back({.reg = voltage ? BusRegister(channel) : ShuntRegister(channel)});
  };
  for (const bool voltage : {false, true}) {
    for (size_t channel = 0; channel < kChannels; ++channel) {
      if (wiring.channels[channel].has_value()) add(channel, voltage);
    }
    if (!voltage) currents_ = channels_.size();
  }
  // The cycle is shunt, bus, shunt, bus, ... over the channels in use.
  const double period_s =
      static_cast<double>(2 * static_cast<int>(currents_) * kConversionUs[config_.shunt_time]) *
      1e-6;
  for (size_t i = 0; i < channels_.size(); ++i) {
    const size_t channel = i % currents_;
    const size_t slots_until_end = 2 * (currents_ - 1 - channel) + (i < currents_ ? 1 : 0);
    until_end_s.push_back(static_cast<double>(slots_until_end) * slot_s);
    v1::Window& window = *channels_[i].mutable_window();
    window.set_slot_s(slot_s);
    window.set_period_s(period_s);
    window.set_period_tolerance(kOscillatorTolerance);
    window.set_average(static_cast<uint32_t>(kAverages[config_.average]));
    window.set_phase_known(false);
  }
  freshness_.emplace(period_s, kOscillatorTolerance, std::move(until_end_s));
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
  if (absl::Status status = bus_->Write(address_, kConfiguration, Encode(config_)); !status.ok()) {
    return While(fmt::format("{} on {}: writing the configuration", name_, bus_->name()), status);
  }
  return VerifyConfiguration();
}

absl::Status Ina3221Source::AwaitFirstCycle() {
  // Until then the data registers hold what was there before.
  for (int i = 0; i < kReadsUntilReady; ++i) {
    absl::StatusOr<RegisterRead> flag = ReadRegister(kMaskEnable);
    if (!flag.ok()) return flag.status();
    if ((flag->value & kConversionReadyBit) != 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      fmt::format("{} on {}: was told to convert, but {} reads of its conversion-ready flag found "
                  "it clear; check "
                  "the chip's supply",
                  name_, bus_->name(), kReadsUntilReady));
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
  out->push_back({.channel = static_cast<uint32_t>(index),
                  .reading = {.begin_ns = read->begin.ns,
                              .end_ns = read->end.ns,
                              .raw = Steps(read->value),
                              .freshness = freshness_->OnRead(index, Latch(*read), changed)}});
  return absl::OkStatus();
}

absl::Status Ina3221Source::Read(std::vector<ChannelReading>* out) {
  absl::StatusOr<RegisterRead> flag = ReadRegister(kMaskEnable);
  if (!flag.ok()) return flag.status();
  freshness_->OnFlag((flag->value & kConversionReadyBit) != 0, Latch(*flag));
  for (size_t i = 0; i < currents_; ++i) {
    if (absl::Status status = ReadChannel(i, out); !status.ok()) return status;
  }
  if (flag->begin >= voltage_due_) {
    const size_t index = currents_ + next_voltage_++ % currents_;
    // The first round goes by at once, one voltage a tick, so that no run begins without.
    const bool first_round = next_voltage_ < currents_;
    const Nanoseconds pause{kVoltageInterval.count / static_cast<int64_t>(currents_)};
    voltage_due_ = first_round ? flag->begin : flag->begin + pause;
    return ReadChannel(index, out);
  }
  return flag->begin >= verify_due_ ? VerifyConfiguration() : absl::OkStatus();
}

}  // namespace synergy
