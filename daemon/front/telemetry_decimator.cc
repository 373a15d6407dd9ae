#include "daemon/front/telemetry_decimator.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "fmt/format.h"

namespace synergy {
namespace {

// A point a day is as slow as anybody can mean, and keeps the arithmetic in range.
Nanoseconds PeriodOf(double rate_hz) { return Seconds(std::min(1 / rate_hz, 86400.0)); }

constexpr double kMaxRateHz = 100;  // of WatchTelemetryRequest.rate_hz

v1::RailPower ToProto(const std::string& name, const TelemetryRail& rail, bool mean_alone) {
  v1::RailPower power;
  power.set_rail(name);
  power.set_readings(static_cast<uint32_t>(std::min<uint64_t>(rail.readings, UINT32_MAX)));
  if (rail.readings == 0) return power;
  power.set_min_w(mean_alone ? rail.mean_w : rail.min_w);
  power.set_mean_w(rail.mean_w);
  power.set_max_w(mean_alone ? rail.mean_w : rail.max_w);
  return power;
}

}  // namespace

absl::Status ValidateTelemetryRateUntrusted(double rate_hz) {
  if (rate_hz > 0 && rate_hz <= kMaxRateHz) return absl::OkStatus();  // false for NaN
  return absl::InvalidArgumentError(
      fmt::format("A rate of {} points a second is not possible: it must be above 0 and at most {}",
                  rate_hz, kMaxRateHz));
}

TelemetryDecimator::TelemetryDecimator(double rate_hz, std::vector<std::string> rails,
                                       bool simulated, std::optional<double> finest_hz)
    : rails_(std::move(rails)),
      simulated_(simulated),
      period_(PeriodOf(rate_hz)),
      grid_(finest_hz ? std::optional(PeriodOf(*finest_hz)) : std::nullopt),
      merged_(rails_.size()) {}

void TelemetryDecimator::Lose() {
  if (grid_) due_ns_.reset();
}

int64_t TelemetryDecimator::PeriodEnd() const {
  return grid_ ? (*due_ns_ + grid_->count - 1) / grid_->count * grid_->count : *due_ns_;
}

void TelemetryDecimator::Merge(const TelemetryRecord& record) {
  if (empty_) {
    begin_ns_ = record.begin_ns;
    std::ranges::fill(merged_, TelemetryRail());
    empty_ = false;
  }
  const size_t rails = std::min<size_t>({rails_.size(), record.rail_count, kMaxTelemetryRails});
  for (size_t i = 0; i < rails; ++i) {
    const TelemetryRail& in = record.rails[i];
    TelemetryRail& sum = merged_[i];
    if (in.readings == 0) continue;
    sum.min_w = sum.readings == 0 ? in.min_w : std::min(sum.min_w, in.min_w);
    sum.max_w = sum.readings == 0 ? in.max_w : std::max(sum.max_w, in.max_w);
    const double weight =
        static_cast<double>(in.readings) / static_cast<double>(sum.readings + in.readings);
    sum.mean_w += (in.mean_w - sum.mean_w) * weight;
    sum.readings += in.readings;
  }
}

std::optional<v1::TelemetryPoint> TelemetryDecimator::Add(const TelemetryRecord& record) {
  // Records do not end on the period's edge to the nanosecond: the nearest one closes it.
  const int64_t half_record_ns = (record.end_ns - record.begin_ns) / 2;
  if (!due_ns_) {
    // On a grid: the first edge that no record before this one can have closed. What is there
    // before it is a part of a cell.
    due_ns_ = record.begin_ns + (grid_ ? half_record_ns + 1 : period_.count);
    whole_ = !grid_;
  }
  Merge(record);
  const int64_t closes_ns = record.end_ns + half_record_ns;
  if (closes_ns < PeriodEnd()) return std::nullopt;
  *due_ns_ = whole_ ? *due_ns_ : PeriodEnd();
  *due_ns_ += ((closes_ns - *due_ns_) / period_.count + 1) * period_.count;
  empty_ = true;
  if (!std::exchange(whole_, true)) return std::nullopt;

  v1::TelemetryPoint point;
  point.set_begin_ns(begin_ns_);
  point.set_end_ns(record.end_ns);
  for (size_t i = 0; i < rails_.size(); ++i) {
    *point.add_rails() = ToProto(rails_[i], merged_[i], grid_.has_value());
  }
  point.set_simulated(simulated_);
  point.set_run_id(std::string(record.run_id, strnlen(record.run_id, sizeof(record.run_id))));
  point.set_phase(static_cast<v1::Phase>(record.phase));
  point.set_daemon_cpu_ns(record.daemon_cpu_ns);
  if (grid_) return point;
  point.set_iteration(record.iteration);
  point.set_in_operator(record.in_operator != 0);
  if (record.in_operator != 0) point.set_op_index(record.op);
  return point;
}

}  // namespace synergy
