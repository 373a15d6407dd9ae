#include "daemon/power/hwmon_ina3221_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/records/reading_span.h"
#include "common/sysfs.h"
#include "daemon/power/ina3221_registers.h"
#include "daemon/power/known_ina3221.h"

namespace synergy {
namespace {

// currN_input is in mA, inN_input in mV (Documentation/hwmon/ina3221.rst).
constexpr double kAmperesPerStep = 1e-3;
constexpr double kVoltsPerStep = 1e-3;

constexpr Nanoseconds kVoltageInterval = Milliseconds(100);  // of one channel
constexpr Nanoseconds kVerifyInterval = Milliseconds(1000);

constexpr int kTimedRounds = 3;

std::string Current(int number) { return fmt::format("curr{}_input", number); }
std::string Voltage(int number) { return fmt::format("in{}_input", number); }

}  // namespace

bool HwmonIna3221Source::Fits(const HwmonDevice& device) {
  return device.chip == "ina3221" && HasAttribute(device.folder, Current(1));
}

absl::StatusOr<std::unique_ptr<HwmonIna3221Source>> HwmonIna3221Source::Open(
    const std::string& sysfs, const HwmonDevice& device, const KnownIna3221& known,
    RailNames& names, SettingWriter& settings, Clock& clock) {
  std::unique_ptr<HwmonIna3221Source> source(
      new HwmonIna3221Source(sysfs, device, known, settings, clock));
  if (absl::Status status = source->FindInputs(known, names); !status.ok()) return status;
  HwmonIna3221Source* self = source.get();
  source->attributes_.emplace(
      source->name_, source->Files(), [self] { return FindHwmon(self->sysfs_, self->device_); },
      [self](const std::string& folder) { return self->Prepare(folder); }, clock);
  if (absl::Status status = source->attributes_->EnsureOpen(); !status.ok()) return status;
  source->life_ = source->attributes_->lives();
  if (absl::Status status = source->TimeRounds(); !status.ok()) return status;
  return source;
}

HwmonIna3221Source::HwmonIna3221Source(std::string sysfs, HwmonDevice device,
                                       const KnownIna3221& known, SettingWriter& settings,
                                       Clock& clock)
    : sysfs_(std::move(sysfs)),
      device_(std::move(device)),
      name_(device_.Name()),
      chip_(name_, known, settings, clock),
      clock_(clock) {}

absl::Status HwmonIna3221Source::FindInputs(const KnownIna3221& known, RailNames& names) {
  for (int number = 1; number <= static_cast<int>(ina3221::kChannels); ++number) {
    if (!HasAttribute(device_.folder, Current(number))) continue;
    if (!Ina3221HwmonSettings::IsOn(device_.folder, number)) continue;
    const std::string label =
        ReadSysfs(fmt::format("{}/in{}_label", device_.folder, number)).value_or("");
    if (label == kNotConnected) {
      unconnected_.push_back(number);
      continue;
    }
    inputs_.push_back(
        {.number = number,
         .rail = names.Take(label.empty() ? fmt::format("{} channel {}", name_, number) : label),
         .shunt_uohm = ReadSysfsInteger(fmt::format("{}/shunt{}_resistor", device_.folder, number))
                           .value_or(0),
         .shunt_tolerance = known.shunt_tolerance[static_cast<size_t>(number) - 1]});
  }
  if (!inputs_.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{}: all channels are switched off or not connected; switch one on with: echo 1 > "
      "{}/{}",
      name_, device_.folder, "in1_enable"));
}

std::vector<std::string> HwmonIna3221Source::Files() const {
  std::vector<std::string> files;
  for (const Input& input : inputs_) files.push_back(Current(input.number));
  for (const Input& input : inputs_) files.push_back(Voltage(input.number));
  return files;
}

void HwmonIna3221Source::Describe(const std::vector<double>& offsets) {
  for (const bool voltage : {false, true}) {
    for (const Input& input : inputs_) {
      v1::ChannelInfo& info = channels_.emplace_back();
      info.set_rail(input.rail);
      info.set_quantity(voltage ? v1::ChannelInfo::QUANTITY_VOLTAGE
                                : v1::ChannelInfo::QUANTITY_CURRENT);
      info.set_scale(voltage ? kVoltsPerStep : kAmperesPerStep);
      info.set_source(fmt::format("{} channel {}", name_, input.number));
      if (input.shunt_uohm > 0) {
        info.mutable_source()->append(
            fmt::format(", shunt {} mOhm", static_cast<double>(input.shunt_uohm) * 1e-3));
      }
      info.set_gain_tolerance(ina3221::kGainTolerance + (voltage ? 0 : input.shunt_tolerance));
      if (cycle_known_) {
        *info.mutable_window() = cycle_.Window();
        info.mutable_window()->set_cycle(name_);
        info.mutable_window()->set_offset(offsets[channels_.size() - 1]);
      }
      info.set_independent_hz(IndependentHz(info.window()));
    }
  }
}

std::vector<double> HwmonIna3221Source::Offsets(const std::string& folder) const {
  // Shunt, bus, shunt, bus, ... over the channels that are on, all of the same length.
  std::vector<double> offsets;
  for (const bool voltage : {false, true}) {
    for (const Input& input : inputs_) {
      int before = 0;
      for (int number = 1; number < input.number; ++number) {
        before += Ina3221HwmonSettings::IsOn(folder, number) ? 1 : 0;
      }
      const double slots = 2.0 * before + (voltage ? 2 : 1);
      offsets.push_back(slots / (2.0 * std::max(1, cycle_.channels)));
    }
  }
  return offsets;
}

absl::Status HwmonIna3221Source::Prepare(const std::string& folder) {
  const bool first = channels_.empty();
  std::vector<int> numbers;
  for (const Input& input : inputs_) numbers.push_back(input.number);
  absl::StatusOr<Ina3221HwmonSettings::Outcome> set_up =
      chip_.Program(folder, numbers, unconnected_);
  if (!set_up.ok()) return set_up.status();
  remarks_ = std::move(set_up->remarks);
  reads_wait_ = set_up->reads_wait;
  const std::optional<Ina3221Cycle>& cycle = set_up->cycle;
  if (!first && (cycle.has_value() != cycle_known_ || (cycle.has_value() && *cycle != cycle_))) {
    return absl::FailedPreconditionError(
        "it came back with other conversion times than it had, so its windows are no longer the "
        "ones described; restart synergyd");
  }
  cycle_known_ = cycle.has_value();
  cycle_ = cycle.value_or(CycleAfterReset(static_cast<int>(inputs_.size())));
  const std::vector<double> offsets = Offsets(folder);
  if (first) Describe(offsets);
  freshness_.emplace(channels_.size(), cycle_, cycle_known_ && reads_wait_.value_or(false));
  conversions_.emplace(cycle_known_ ? cycle_.period_s() : 0, ina3221::kOscillatorTolerance,
                       offsets);
  verify_due_ = clock_.Now() + kVerifyInterval;
  return absl::OkStatus();
}

absl::Status HwmonIna3221Source::TimeRounds() {
  std::optional<Nanoseconds> shortest;
  for (int i = 0; i < kTimedRounds; ++i) {
    const MonotonicTime begin = clock_.Now();
    bool complete = true;
    // All currents, and the one voltage that a tick may read besides.
    for (size_t file = 0; file <= inputs_.size(); ++file) {
      const absl::Status status = attributes_->Read(file).status();
      if (absl::IsNotFound(status)) return status;
      complete = complete && status.ok();
    }
    const Nanoseconds round = clock_.Now() - begin;
    if (complete) shortest = std::min(shortest.value_or(round), round);
  }
  if (shortest) rounds_hz_ = RateOfRounds(*shortest);
  return absl::OkStatus();
}

absl::Status HwmonIna3221Source::VerifySettings() {
  verify_due_ = clock_.Now() + kVerifyInterval;
  if (!cycle_known_) return absl::OkStatus();
  const absl::StatusOr<Ina3221Cycle> cycle = chip_.ReadCycle(attributes_->folder());
  if (cycle.ok() && *cycle == cycle_) return absl::OkStatus();
  if (!cycle.ok() && !absl::IsFailedPrecondition(cycle.status())) {
    // Gone, or busy: the reads of the next tick say it.
    return absl::IsNotFound(cycle.status()) ? absl::OkStatus() : Owned(name_, cycle.status());
  }
  return absl::FailedPreconditionError(
      fmt::format("{}: somebody else changed update_interval, samples or the channels in {}, so "
                  "its readings do "
                  "not mean what they are taken for; keep other programs off this chip",
                  name_, attributes_->folder()));
}

absl::Status HwmonIna3221Source::ReadChannel(size_t index, std::vector<ChannelReading>* out) {
  const absl::StatusOr<StampedInteger> read = attributes_->Read(index);
  if (!read.ok()) return read.status();
  // The driver asks the chip somewhere in between.
  const TimeSpan span{.earliest = {read->begin_ns}, .latest = {read->end_ns}};
  const CycleFreshness::Seen seen = conversions_->OnRead(index, span, read->value);
  Freshness freshness = freshness_->OnRead(index, *read);
  if (freshness == Freshness::kUnknown) freshness = seen.freshness;
  out->push_back({.channel = static_cast<uint32_t>(index),
                  .reading = {.begin_ns = read->begin_ns,
                              .end_ns = read->end_ns,
                              .raw = read->value,
                              .freshness = freshness},
                  .number = seen.number});
  return absl::OkStatus();
}

double HwmonIna3221Source::asked_hz(size_t index) const {
  // The currents come first, one of each input.
  return index < inputs_.size() ? PowerSource::asked_hz(index) : 1 / kVoltageInterval.seconds();
}

absl::Status HwmonIna3221Source::Read(std::vector<ChannelReading>* out) {
  if (absl::Status status = attributes_->EnsureOpen(); !status.ok()) return status;
  if (std::exchange(life_, attributes_->lives()) != life_) next_voltage_ = 0;
  const MonotonicTime begin = clock_.Now();
  absl::Status failed;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const absl::Status status = ReadChannel(i, out);
    if (absl::IsNotFound(status)) return status;
    failed.Update(status);  // the other channels may be well
  }
  // The first round of voltages goes by at once, one a tick, so that no run begins without.
  if (next_voltage_ < inputs_.size() || begin >= voltage_due_) {
    const size_t index = inputs_.size() + next_voltage_++ % inputs_.size();
    voltage_due_ =
        begin + Nanoseconds{kVoltageInterval.count / static_cast<int64_t>(inputs_.size())};
    failed.Update(ReadChannel(index, out));
  } else if (begin >= verify_due_) {
    failed.Update(VerifySettings());
  }
  return failed;
}

double HwmonIna3221Source::max_rate_hz() const {
  const double useful_hz =
      std::min(rounds_hz_, RateOfWindow(cycle_known_ ? cycle_.Window() : v1::Window()));
  if (!reads_wait_.value_or(false)) return useful_hz;
  const double reads_a_tick = static_cast<double>(inputs_.size() + 1);
  return std::min(useful_hz,
                  1.0 / (reads_a_tick * cycle_.ready_s() * (1 + ina3221::kOscillatorTolerance)));
}

std::vector<std::string> HwmonIna3221Source::Remarks() const {
  std::vector<std::string> remarks = remarks_;
  if (!reads_wait_.has_value()) {
    remarks.push_back(fmt::format(
        "{}: whether the driver's reads wait for new conversions could not be found out, so "
        "repeated values are taken for unknown",
        name_));
  }
  return remarks;
}

}  // namespace synergy
