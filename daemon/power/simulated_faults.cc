#include "daemon/power/simulated_faults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/nearest_name.h"
#include "common/counter_noise.h"
#include "daemon/power/ina3221_registers.h"

namespace synergy {
namespace {

using Kind = SimulatedFault::Kind;

struct KindInfo {
  Kind kind;
  const char* name;
  bool takes_rail;
  double standard;  // value where none is given
  double lowest, highest;
  const char* what;  // for people
};
constexpr std::array kKinds{
    KindInfo{Kind::kStuck, "stuck", true, 0, 0, 0, "the register of a rail keeps its value"},
    KindInfo{Kind::kReadErrors, "read-errors", false, 0.05, 0, 1, "reads of the sensors fail"},
    KindInfo{Kind::kSlowFilter, "slow-filter", false, 64, 4, 1024,
             "somebody raised the sensors' averaging behind the driver's back"},
    KindInfo{Kind::kMissing, "missing", true, 0, 0, 0, "a rail's channel gives no data"},
    KindInfo{Kind::kThrottle, "throttle", false, 0, 1, 100'000,
             "the CPU is held back as if it were too hot"},
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

absl::Status ParseArgument(std::string_view text, std::string_view argument, const KindInfo& info,
                           SimulatedFault* fault) {
  if (info.takes_rail) {
    fault->rail = std::string(argument);
    if (argument.empty()) return Bad(text, fmt::format("{} needs a rail", info.name));
    return absl::OkStatus();
  }
  fault->value = info.standard;
  if (argument.empty()) return absl::OkStatus();
  if (!ParseNumber(argument, &fault->value) || fault->value < info.lowest ||
      fault->value > info.highest) {
    return Bad(
        text, fmt::format("{} takes a number from {} to {}", info.name, info.lowest, info.highest));
  }
  const bool averages = fault->kind == Kind::kSlowFilter;
  if (averages && std::ranges::find(ina3221::kAverages, static_cast<int>(fault->value)) ==
                      ina3221::kAverages.end()) {
    return Bad(text, fmt::format("averages are {}", fmt::join(ina3221::kAverages, ", ")));
  }
  return absl::OkStatus();
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
  const std::string_view argument =
      colon == std::string_view::npos ? std::string_view() : what.substr(colon + 1);
  if (absl::Status status = ParseArgument(text, argument, *info, &fault); !status.ok()) {
    return status;
  }
  return fault;
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

const SimulatedFault* SimulatedFaults::Active(Kind kind, std::string_view rail) const {
  if (faults_.empty() || !begin_) return nullptr;
  const double s = (clock_.Now() - *begin_).seconds();
  for (const SimulatedFault& fault : faults_) {
    if (fault.kind == kind && fault.rail == rail && fault.from_s <= s && s < fault.until_s) {
      return &fault;
    }
  }
  return nullptr;
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
  absl::MutexLock lock(&mutex_);
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

std::vector<std::string> SimulatedFaults::Notes() const {
  std::vector<std::string> notes;
  for (const SimulatedFault& fault : faults_) {
    notes.push_back(fmt::format("SIMULATED fault {}: {}", fault.text, InfoOf(fault.kind).what));
  }
  return notes;
}

void FaultyRegisterBus::RaiseAveraging(uint8_t address) {
  const uint32_t averages = faults_->Averages();
  if (averages <= 1) return;
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(raised_[address], true)) return;
  }
  const absl::StatusOr<RegisterRead> now = bus_->Read(address, ina3221::kConfiguration);
  if (!now.ok()) return;
  ina3221::Configuration config = ina3221::Decode(now->value);
  config.average =
      static_cast<uint8_t>(std::ranges::find(ina3221::kAverages, static_cast<int>(averages)) -
                           ina3221::kAverages.begin());
  // What comes of it the source is to find out.
  bus_->Write(address, ina3221::kConfiguration, ina3221::Encode(config)).IgnoreError();
}

absl::StatusOr<RegisterRead> FaultyRegisterBus::Read(uint8_t address, uint8_t reg) {
  RaiseAveraging(address);
  absl::StatusOr<RegisterRead> read = bus_->Read(address, reg);
  if (!read.ok()) return read;
  if (faults_->ReadFails()) {
    return absl::UnavailableError(
        fmt::format("no acknowledgement from {:#04x} (SIMULATED fault)", address));
  }
  if (reg < 1 || reg > ina3221::kLastData) return read;
  const auto rail = rails_.find({address, static_cast<size_t>(reg - 1) / 2});
  if (rail == rails_.end()) return read;
  if (faults_->IsMissing(rail->second)) {
    return absl::UnavailableError(fmt::format("{} gives no data (SIMULATED fault)", rail->second));
  }
  absl::MutexLock lock(&mutex_);
  if (faults_->IsStuck(rail->second)) {
    read->value = held_.try_emplace({address, reg}, read->value).first->second;
  } else {
    held_.erase({address, reg});
  }
  return read;
}

absl::Status FaultyRegisterBus::Write(uint8_t address, uint8_t reg, uint16_t value) {
  return bus_->Write(address, reg, value);
}

}  // namespace synergy
