#include "daemon/power/power_supply_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace synergy {
namespace {

// Microwatts, microamperes and microvolts.
constexpr double kScale = 1e-6;
constexpr double kFastestHz = 10;
constexpr double kSlowestHz = 1;

constexpr char kStatus[] = "status";
constexpr char kPower[] = "power_now";
constexpr char kCurrent[] = "current_now";
constexpr char kVoltage[] = "voltage_now";

std::string FolderOf(const std::string& sysfs, const std::string& supply) {
  return fmt::format("{}/class/power_supply/{}", sysfs, supply);
}

constexpr char kBattery[] = "Battery";
// Of Qualcomm's kernels ("battery monitoring system"); not in mainline.
constexpr char kGauge[] = "BMS";

bool HasPower(const std::string& folder, SysfsTree& tree) {
  const auto has = [&](const char* file) { return tree.Has(folder + "/" + file); };
  return has(kPower) || (has(kCurrent) && has(kVoltage));
}

std::vector<std::string> Readable(const std::string& sysfs, const std::string& type,
                                  SysfsTree& tree) {
  std::vector<std::string> supplies = tree.List(sysfs + "/class/power_supply");
  std::erase_if(supplies, [&](const std::string& supply) {
    const std::string folder = FolderOf(sysfs, supply);
    return tree.Read(folder + "/type").value_or("") != type || !HasPower(folder, tree);
  });
  return supplies;
}

// What the battery gives, of a power or current that the driver shows.
int64_t Given(int64_t shown, std::string_view status) {
  if (status == "Discharging") return std::abs(shown);
  if (status == "Charging") return -std::abs(shown);
  return -shown;
}

}  // namespace

void UpdateInterval::OnRead(int64_t value, MonotonicTime at) {
  if (std::exchange(last_, value).value_or(value) == value) return;
  const std::optional<MonotonicTime> before = std::exchange(changed_, at);
  if (!before) return;
  const double span_s = (at - *before).seconds();
  if (spans_.size() < kSpans) {
    spans_.push_back(span_s);
  } else {
    spans_[next_++ % kSpans] = span_s;
  }
}

std::optional<double> UpdateInterval::seconds() const {
  if (spans_.size() < kSpans) return std::nullopt;
  return *std::ranges::min_element(spans_);
}

std::vector<std::string> PowerSupplySource::List(const std::string& sysfs,
                                                 const std::shared_ptr<SysfsTree>& tree) {
  std::vector<std::string> batteries = Readable(sysfs, kBattery, *tree);
  return batteries.empty() ? Readable(sysfs, kGauge, *tree) : batteries;
}

std::vector<std::string> PowerSupplySource::ListUnread(const std::string& sysfs,
                                                       const std::shared_ptr<SysfsTree>& tree) {
  const std::vector<std::string> read = List(sysfs, tree);
  std::vector<std::string> lines;
  for (const std::string& supply : tree->List(sysfs + "/class/power_supply")) {
    const std::string type = tree->Read(FolderOf(sysfs, supply) + "/type").value_or("");
    // All others show what is allowed rather than what flows.
    if (type != kBattery && type != kGauge) continue;
    if (std::ranges::find(read, supply) != read.end()) continue;
    if (!HasPower(FolderOf(sysfs, supply), *tree)) {
      lines.push_back(fmt::format(
          "power_supply {}: shows neither power nor a current with its voltage", supply));
    } else {
      lines.push_back(
          fmt::format("power_supply {}: a gauge of type BMS, which measures again what "
                      "power_supply {} does",
                      supply, read.front()));
    }
  }
  return lines;
}

absl::StatusOr<std::unique_ptr<PowerSupplySource>> PowerSupplySource::Open(
    const std::string& sysfs, const std::string& supply, RailNames& names, Clock& clock,
    const std::shared_ptr<SysfsTree>& tree) {
  const std::string folder = FolderOf(sysfs, supply);
  std::unique_ptr<PowerSupplySource> source(
      new PowerSupplySource(fmt::format("power_supply {}", supply)));
  const std::string rail = names.Take(supply);
  std::vector<std::string> files{kStatus};
  // Some drivers have power_now and never a value for it.
  if (tree->ReadInteger(folder + "/" + kPower).ok() || !tree->Has(folder + "/" + kCurrent)) {
    source->AddChannel(rail, v1::ChannelInfo::QUANTITY_POWER, kPower);
    files.emplace_back(kPower);
  } else {
    source->AddChannel(rail, v1::ChannelInfo::QUANTITY_CURRENT, kCurrent);
    source->AddChannel(rail, v1::ChannelInfo::QUANTITY_VOLTAGE, kVoltage);
    files.insert(files.end(), {kCurrent, kVoltage});
  }
  const auto find = [folder, tree]() -> absl::StatusOr<std::string> {
    if (tree->Has(folder + "/" + kStatus)) return folder;
    return absl::NotFoundError(fmt::format("{} is gone", folder));
  };
  source->attributes_.emplace(
      source->name_, std::move(files), find, [](const std::string&) { return absl::OkStatus(); },
      clock, tree);
  std::vector<ChannelReading> first;
  const absl::Status status = source->Read(&first);
  if (!status.ok() && !absl::IsUnavailable(status)) return status;
  return source;
}

void PowerSupplySource::AddChannel(const std::string& rail, v1::ChannelInfo::Quantity quantity,
                                   const std::string& file) {
  v1::ChannelInfo& info = channels_.emplace_back();
  info.set_rail(rail);
  info.set_quantity(quantity);
  info.set_scale(kScale);
  info.set_source(fmt::format("{} {}", name_, file));
  info.mutable_window();
  last_.emplace_back();
}

absl::Status PowerSupplySource::ReadChannel(size_t index, std::string_view status,
                                            std::vector<ChannelReading>* out) {
  const absl::StatusOr<StampedInteger> read = attributes_->Read(index + 1);
  if (!read.ok()) return read.status();
  const bool signed_quantity = channels_[index].quantity() != v1::ChannelInfo::QUANTITY_VOLTAGE;
  if (index == 0) updates_.OnRead(read->value, MonotonicTime{read->end_ns});
  const bool changed = last_[index].has_value() && *last_[index] != read->value;
  last_[index] = read->value;
  out->push_back({.channel = static_cast<uint32_t>(index),
                  .reading = {.begin_ns = read->begin_ns,
                              .end_ns = read->end_ns,
                              .raw = signed_quantity ? Given(read->value, status) : read->value,
                              .freshness = changed ? Freshness::kFresh : Freshness::kUnknown}});
  return absl::OkStatus();
}

absl::Status PowerSupplySource::Read(std::vector<ChannelReading>* out) {
  if (absl::Status status = attributes_->EnsureOpen(); !status.ok()) return status;
  if (std::exchange(life_, attributes_->lives()) != attributes_->lives()) {
    std::ranges::fill(last_, std::nullopt);
    updates_ = {};
  }
  char buffer[64];
  const absl::StatusOr<std::string_view> status = attributes_->ReadText(0, buffer, sizeof(buffer));
  if (!status.ok()) return status.status();
  absl::Status failed;
  for (size_t i = 0; i < channels_.size(); ++i) {
    const absl::Status read = ReadChannel(i, *status, out);
    if (absl::IsNotFound(read)) return read;
    failed.Update(read);
  }
  if (const std::optional<double> hz = update_hz()) {
    // Whole hertz, so that the grid of ticks is not moved all the time.
    max_rate_hz_ = std::clamp(std::ceil(2 * *hz), kSlowestHz, kFastestHz);
  }
  return failed;
}

std::optional<double> PowerSupplySource::update_hz() const {
  const std::optional<double> seconds = updates_.seconds();
  if (!seconds || *seconds <= 0) return std::nullopt;
  return 1 / *seconds;
}

std::vector<std::string> PowerSupplySource::Remarks() const {
  const std::optional<double> hz = update_hz();
  if (!hz) return {fmt::format("{}: how often the gauge updates is not known yet", name_)};
  return {fmt::format("{}: the gauge updates {:.1f} times a second, too slow for operators", name_,
                      *hz)};
}

}  // namespace synergy
