#include "daemon/power/simulated_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "common/sysfs.h"

namespace synergy {
namespace {

class MadeAttribute final : public OpenAttribute {
 public:
  MadeAttribute(std::string path, SimulatedTree::Make make)
      : path_(std::move(path)), make_(std::move(make)) {}

  absl::StatusOr<int64_t> ReadInteger() override {
    const absl::StatusOr<std::string> text = make_();
    if (!text.ok()) return text.status();
    return ParseSysfsInteger(*text, path_);
  }
  absl::StatusOr<std::string_view> ReadText(char* buffer, size_t size) override {
    const absl::StatusOr<std::string> text = make_();
    if (!text.ok()) return text.status();
    const size_t length = std::min(size, text->size());
    std::memcpy(buffer, text->data(), length);
    return std::string_view(buffer, length);
  }

 private:
  const std::string path_;
  const SimulatedTree::Make make_;
};

// What is wrong with reading the rail now.
absl::Status FaultOf(const SimulatedRailView& rail) {
  const std::string what = fmt::format("Reading the SIMULATED attribute of");
  if (rail.faults->ReadFails()) return SysfsError(what, rail.rail, EIO);
  if (rail.faults->IsMissing(rail.rail)) return SysfsError(what, rail.rail, ENODATA);
  return absl::OkStatus();
}

// Updates of a period that were over by now; none where the rail is stuck. A slow filter is one
// that updates more seldom.
int64_t UpdatesBy(const SimulatedRailView& rail, MonotonicTime begin, double period_s,
                  int64_t so_far) {
  if (rail.faults->IsStuck(rail.rail)) return so_far;
  const MonotonicTime chip_now = rail.faults->SensorDrift().ToChip(rail.clock->Now());
  const auto now = static_cast<int64_t>((chip_now - begin).seconds() / period_s);
  const auto averages = static_cast<int64_t>(rail.faults->Averages());
  return std::max(so_far, now - now % averages);
}

MonotonicTime TimeOf(const SimulatedRailView& rail, MonotonicTime begin, double period_s,
                     int64_t update) {
  return rail.faults->SensorDrift().ToClock(begin +
                                            Seconds(period_s * static_cast<double>(update)));
}

}  // namespace

std::vector<std::string> SimulatedTree::List(const std::string& folder) {
  const std::string prefix = folder + "/";
  std::set<std::string> names;
  for (auto it = files_.lower_bound(prefix); it != files_.end() && it->first.starts_with(prefix);
       ++it) {
    const std::string rest = it->first.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));
  }
  return {names.begin(), names.end()};
}

bool SimulatedTree::Has(const std::string& path) {
  const auto found = files_.lower_bound(path);
  return found != files_.end() &&
         (found->first == path || found->first.starts_with(path + "/") || !List(path).empty());
}

absl::StatusOr<std::unique_ptr<OpenAttribute>> SimulatedTree::Open(const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return SysfsError("Opening", path, ENOENT);
  return std::make_unique<MadeAttribute>(path, found->second);
}

SimulatedEnergyCounter::SimulatedEnergyCounter(SimulatedRailView rail, double joules_left,
                                               double oscillator)
    : rail_(std::move(rail)),
      period_s_(kPeriodS * oscillator),
      first_j_(1e-6 * static_cast<double>(kRangeUj) - joules_left),
      begin_(rail_.clock->Now()) {}

absl::StatusOr<std::string> SimulatedEnergyCounter::Read() {
  if (absl::Status status = FaultOf(rail_); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  const int64_t updates = UpdatesBy(rail_, begin_, period_s_, updates_);
  if (updates > updates_) {
    const MonotonicTime from = TimeOf(rail_, begin_, period_s_, updates_);
    const MonotonicTime to = TimeOf(rail_, begin_, period_s_, updates);
    joules_ += rail_.trace->MeanPower(rail_.index, from, to) * (to - from).seconds();
    rail_.trace->ForgetBefore(to);
    updates_ = updates;
  }
  const double steps = std::floor((first_j_ + joules_) / kStepJ);
  return fmt::format("{}", static_cast<int64_t>(steps * kStepJ * 1e6) % kRangeUj);
}

SimulatedGauge::SimulatedGauge(SimulatedRailView rail, double oscillator)
    : rail_(std::move(rail)), period_s_(kPeriodS * oscillator), begin_(rail_.clock->Now()) {}

absl::Status SimulatedGauge::Update() {
  if (absl::Status status = FaultOf(rail_); !status.ok()) return status;
  const int64_t updates = UpdatesBy(rail_, begin_, period_s_, updates_);
  if (updates == updates_) {
    return updates_ > 0 ? absl::OkStatus() : SysfsError("Reading", rail_.rail, ENODATA);
  }
  // Over the last of its periods, however long it was not read.
  const MonotonicTime from = TimeOf(rail_, begin_, period_s_, std::max(updates_, updates - 1));
  const MonotonicTime to = TimeOf(rail_, begin_, period_s_, updates);
  const double amperes = rail_.trace->MeanCurrent(rail_.index, from, to);
  microamperes_ = std::llround(1e6 * amperes);
  microvolts_ = std::llround(1e6 * rail_.trace->MeanVoltage(rail_.index, from, to));
  rail_.trace->ForgetBefore(to);
  updates_ = updates;
  return absl::OkStatus();
}

absl::StatusOr<std::string> SimulatedGauge::ReadCurrent() {
  const std::lock_guard lock(mutex_);
  if (absl::Status status = Update(); !status.ok()) return status;
  return fmt::format("{}", microamperes_);
}

absl::StatusOr<std::string> SimulatedGauge::ReadVoltage() {
  const std::lock_guard lock(mutex_);
  if (absl::Status status = Update(); !status.ok()) return status;
  return fmt::format("{}", microvolts_);
}

}  // namespace synergy
