#include "daemon/power/simulated_faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <mutex>
#include <numbers>
#include <span>
#include <utility>

#include "common/counter_noise.h"
#include "common/nearest_name.h"
#include "daemon/power/ina3221_registers.h"

namespace synergy {
namespace {

using Kind = SimulatedFault::Kind;

struct KindInfo {
  Kind kind;
  const char* name;
  // kAlways: a number, and no seconds; kNothing: neither.
  enum Takes { kRail, kNumber, kAlways, kNothing } takes;
  double standard;  // value where none is given
  double lowest, highest;
  const char* what;         // for people
  bool of_ina3221 = false;  // boards with other sensors cannot have it
};
constexpr std::array kKinds{
    KindInfo{Kind::kStuck, "stuck", KindInfo::kRail, 0, 0, 0,
             "the register of a rail keeps its value"},
    KindInfo{Kind::kReadErrors, "read-errors", KindInfo::kNumber, 0.05, 0, 1,
             "reads of the sensors fail"},
    KindInfo{Kind::kSlowFilter, "slow-filter", KindInfo::kNumber, 64, 4, 1024,
             "somebody raised the sensors' averaging behind the driver's back"},
    KindInfo{Kind::kMissing, "missing", KindInfo::kRail, 0, 0, 0, "a rail's channel gives no data"},
    KindInfo{Kind::kThrottle, "throttle", KindInfo::kNumber, 0, 1, 100'000,
             "the CPU is held back as if it were too hot"},
    KindInfo{Kind::kNoise, "noise", KindInfo::kAlways, 1, 0, 100,
             "noise of each of the sensor's conversions, in steps", true},
    KindInfo{Kind::kGain, "gain", KindInfo::kAlways, 0.01, 0, 0.5,
             "the sensors' gains are off by up to this share, whatever their datasheet says", true},
    KindInfo{Kind::kAverages, "averages", KindInfo::kAlways, 64, 1, 1024,
             "the sensor's averaging cannot be set to less", true},
    KindInfo{Kind::kConversion, "conversion", KindInfo::kAlways, 1100, 140, 8244,
             "the sensor's conversions cannot be set shorter, in us", true},
    KindInfo{Kind::kDelay, "delay", KindInfo::kNumber, 5, 0, 1000,
             "the sensors show what was so many ms ago"},
    KindInfo{Kind::kDrift, "drift", KindInfo::kNumber, 0.1, 0, 1,
             "the power rises slowly, whatever runs"},
    KindInfo{Kind::kOscillatorDrift, "oscillator-drift", KindInfo::kNumber, 0.02, -0.2, 0.2,
             "the sensors' conversions take slowly longer"},
    KindInfo{Kind::kVaryingPower, "varying-power", KindInfo::kNumber, 0.1, 0, 0.25,
             "the operators' power varies from execution to execution and within each"},
    KindInfo{Kind::kShortOperators, "short-operators", KindInfo::kAlways, 0.25, 0, 1,
             "this share of the modelled operators is over in 5 us"},
    KindInfo{Kind::kKnownWindows, "known-windows", KindInfo::kNothing, 0, 0, 0,
             "each reading is stamped with the window of its conversion, which no INA3221 tells",
             true},
};

const KindInfo& InfoOf(Kind kind) { return *std::ranges::find(kKinds, kind, &KindInfo::kind); }

absl::Status Bad(std::string_view text, const std::string& what) {
  return absl::InvalidArgumentError(
      fmt::format("--fault {}: {}; a fault is KIND[:RAIL|NUMBER][@SECONDS[-SECONDS]], such as "
                  "stuck:VDD_CPU@2-5",
                  text, what));
}

bool ParseNumber(std::string_view text, double* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(*value);
}

bool ParseSpan(std::string_view span, SimulatedFault* fault) {
  const size_t dash = span.find('-');
  if (!ParseNumber(span.substr(0, dash), &fault->from_s) || fault->from_s < 0) return false;
  if (dash == std::string_view::npos) return true;
  return ParseNumber(span.substr(dash + 1), &fault->until_s) && fault->until_s > fault->from_s;
}

bool IsOneOf(std::span<const int> table, double value) {
  return std::ranges::any_of(table, [value](int entry) { return entry == value; });
}

absl::Status ParseArgument(std::string_view text, std::string_view argument, const KindInfo& info,
                           SimulatedFault* fault) {
  if (info.takes == KindInfo::kRail) {
    fault->rail = std::string(argument);
    if (argument.empty()) return Bad(text, fmt::format("{} needs a rail", info.name));
    return absl::OkStatus();
  }
  fault->value = info.standard;
  if (argument.empty()) return absl::OkStatus();
  if (info.takes == KindInfo::kNothing) {
    return Bad(text, fmt::format("{} takes nothing behind it", info.name));
  }
  if (!ParseNumber(argument, &fault->value) || fault->value < info.lowest ||
      fault->value > info.highest) {
    return Bad(
        text, fmt::format("{} takes a number from {} to {}", info.name, info.lowest, info.highest));
  }
  const bool averages = fault->kind == Kind::kSlowFilter || fault->kind == Kind::kAverages;
  if (averages && !IsOneOf(ina3221::kAverages, fault->value)) {
    return Bad(text, fmt::format("averages are {}", fmt::join(ina3221::kAverages, ", ")));
  }
  if (fault->kind == Kind::kConversion && !IsOneOf(ina3221::kConversionUs, fault->value)) {
    return Bad(text,
               fmt::format("conversions take {} us", fmt::join(ina3221::kConversionUs, ", ")));
  }
  return absl::OkStatus();
}

double RampSeconds(const SimulatedFault& fault) {
  return std::isfinite(fault.until_s) ? fault.until_s - fault.from_s : SimulatedFaults::kRampS;
}

}  // namespace

absl::StatusOr<SimulatedFault> ParseSimulatedFault(std::string_view text) {
  SimulatedFault fault{.text = std::string(text)};
  const size_t at = text.rfind('@');
  if (at != std::string_view::npos && !ParseSpan(text.substr(at + 1), &fault)) {
    return Bad(text, "behind @ stand seconds after the start, or two of them with a - between");
  }
  const std::string_view what = text.substr(0, at);
  const size_t colon = what.find(':');
  const std::string_view name = what.substr(0, colon);
  const auto info = std::ranges::find(kKinds, name, &KindInfo::name);
  if (info == kKinds.end()) {
    std::vector<std::string> names;
    for (const KindInfo& kind : kKinds) names.emplace_back(kind.name);
    const std::string nearest = NearestName(name, names);
    return Bad(text, fmt::format("there is no fault \"{}\"{}; there are: {}", name,
                                 nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest),
                                 fmt::join(names, ", ")));
  }
  fault.kind = info->kind;
  const bool always = info->takes == KindInfo::kAlways || info->takes == KindInfo::kNothing;
  if (always && at != std::string_view::npos) {
    return Bad(text, fmt::format("{} is there from the start and takes no seconds", name));
  }
  const std::string_view argument =
      colon == std::string_view::npos ? std::string_view() : what.substr(colon + 1);
  if (absl::Status status = ParseArgument(text, argument, *info, &fault); !status.ok()) {
    return status;
  }
  return fault;
}

double ShareOfShortOperators(const std::vector<SimulatedFault>& faults) {
  const auto found = std::ranges::find(faults, Kind::kShortOperators, &SimulatedFault::kind);
  return found == faults.end() ? 0 : found->value;
}

absl::StatusOr<std::shared_ptr<SimulatedFaults>> SimulatedFaults::Create(
    std::vector<SimulatedFault> faults, const std::vector<std::string>& rails, uint64_t seed,
    Clock& clock) {
  for (const SimulatedFault& fault : faults) {
    const bool known = std::ranges::find(rails, fault.rail) != rails.end();
    if (fault.rail.empty() || known) continue;
    return Bad(fault.text, fmt::format("this board has no rail \"{}\"; it has: {}", fault.rail,
                                       fmt::join(rails, ", ")));
  }
  return std::shared_ptr<SimulatedFaults>(
      new SimulatedFaults(std::move(faults), MixHash(seed, "faults"), clock));
}

const SimulatedFault* SimulatedFaults::ActiveAt(MonotonicTime at, Kind kind,
                                                std::string_view rail) const {
  if (faults_.empty() || !begin_) return nullptr;
  const double s = (at - *begin_).seconds();
  for (const SimulatedFault& fault : faults_) {
    if (fault.kind == kind && fault.rail == rail && fault.from_s <= s && s < fault.until_s) {
      return &fault;
    }
  }
  return nullptr;
}

const SimulatedFault* SimulatedFaults::Find(Kind kind) const {
  const auto found = std::ranges::find(faults_, kind, &SimulatedFault::kind);
  return found == faults_.end() ? nullptr : &*found;
}

std::optional<double> SimulatedFaults::ValueOf(Kind kind) const {
  const SimulatedFault* fault = Find(kind);
  return fault == nullptr ? std::nullopt : std::optional(fault->value);
}

bool SimulatedFaults::IsStuck(std::string_view rail) const {
  return Active(Kind::kStuck, rail) != nullptr;
}

bool SimulatedFaults::IsMissing(std::string_view rail) const {
  return Active(Kind::kMissing, rail) != nullptr;
}

bool SimulatedFaults::ReadFails() {
  const SimulatedFault* fault = Active(Kind::kReadErrors);
  if (fault == nullptr) return false;
  const std::lock_guard lock(mutex_);
  return UniformDraw(seed_, draws_++) < fault->value;
}

uint32_t SimulatedFaults::Averages() const {
  const SimulatedFault* fault = Active(Kind::kSlowFilter);
  return fault == nullptr ? 1 : static_cast<uint32_t>(fault->value);
}

std::optional<double> SimulatedFaults::ThrottledMhz() const {
  const SimulatedFault* fault = Active(Kind::kThrottle);
  if (fault == nullptr) return std::nullopt;
  return fault->value;
}

absl::Status SimulatedFaults::FitSensor(bool has_ina3221) const {
  for (const SimulatedFault& fault : faults_) {
    if (!has_ina3221 && InfoOf(fault.kind).of_ina3221) {
      return Bad(fault.text, fmt::format("{} is of an INA3221, and this board has none",
                                         InfoOf(fault.kind).name));
    }
    const bool averages = fault.kind == Kind::kAverages || fault.kind == Kind::kSlowFilter;
    if (averages && fault.value > 1 && WindowsAreKnown()) {
      return Bad(fault.text,
                 "a reading that averages conversions has no window of its own, so "
                 "known-windows does not go with it");
    }
  }
  return absl::OkStatus();
}

Nanoseconds SimulatedFaults::Delay(MonotonicTime at) const {
  const SimulatedFault* fault = ActiveAt(at, Kind::kDelay);
  return fault == nullptr ? Nanoseconds{0} : Seconds(1e-3 * fault->value);
}

Nanoseconds SimulatedFaults::LongestDelay() const {
  double longest_ms = 0;
  for (const SimulatedFault& fault : faults_) {
    if (fault.kind == Kind::kDelay) longest_ms = std::max(longest_ms, fault.value);
  }
  return Seconds(1e-3 * longest_ms);
}

double SimulatedFaults::PowerDrift(MonotonicTime at) const {
  const SimulatedFault* fault = Find(Kind::kDrift);
  if (fault == nullptr || !begin_) return 0;
  const double since_s = (at - *begin_).seconds() - fault->from_s;
  return fault->value * std::clamp(since_s / RampSeconds(*fault), 0.0, 1.0);
}

OscillatorDrift SimulatedFaults::SensorDrift() const {
  const SimulatedFault* fault = Find(Kind::kOscillatorDrift);
  if (fault == nullptr || !begin_) return {};
  return {*begin_ + Seconds(fault->from_s), RampSeconds(*fault), fault->value};
}

double SimulatedFaults::PowerVariation(MonotonicTime at) const {
  const SimulatedFault* fault = ActiveAt(at, Kind::kVaryingPower);
  return fault == nullptr ? 0 : fault->value;
}

double SimulatedFaults::PowerFactor(double share, uint32_t op, uint32_t iteration,
                                    Nanoseconds elapsed) const {
  constexpr double kCut = 2.5, kPeriodS = 1e-3;
  const uint64_t key = MixHash(MixHash(seed_, "power"), op);
  const double draw = std::clamp(NormalDraw(MixHash(key, 1), iteration), -kCut, kCut);
  const double turns = elapsed.seconds() / kPeriodS + UniformDraw(key, 0);
  const double within = std::numbers::sqrt2 * std::sin(2 * std::numbers::pi * turns);
  return (1 + share * draw) * (1 + share * within);
}

std::vector<std::string> SimulatedFaults::Notes() const {
  std::vector<std::string> notes;
  for (const SimulatedFault& fault : faults_) {
    notes.push_back(fmt::format("SIMULATED fault {}: {}", fault.text, InfoOf(fault.kind).what));
  }
  return notes;
}

}  // namespace synergy
