#include "client/analysis/host_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/run_codes.h"

namespace synergy {
namespace {

// Half of what falls to an operator that is as short would be its neighbours'.
constexpr double kShortestOverBound = 2;
// A job's stretch without readings, over which power is drawn as a straight line.
constexpr double kLongestGapS = 0.1;
constexpr double kGapPeriods = 20;

// The longest stretch of the job without a reading of the rail, in seconds.
double LongestGap(const std::vector<PowerSample>& samples, const TimeWindow& job) {
  int64_t longest = 0, last = job.begin_ns;
  for (const PowerSample& sample : samples) {
    if (sample.at_ns <= job.begin_ns) continue;
    const int64_t at = std::min(sample.at_ns, job.end_ns);
    longest = std::max(longest, at - last);
    last = at;
    if (sample.at_ns >= job.end_ns) break;
  }
  return 1e-9 * static_cast<double>(std::max(longest, job.end_ns - last));
}

}  // namespace

std::string MeterRailName(const std::string& name) { return "meter:" + name; }

Attribution SolveWithMeter(const RunData& data, const HostMeter& meter) {
  Attribution result = Solve(data, meter.rails);
  const size_t first = result.rails.size() - meter.rails.size();
  const double bound_s = 1e-9 * meter.record.bound_ns();
  for (OperatorResult& op : result.ops) {
    if (op.time_s.mean >= kShortestOverBound * bound_s) continue;
    for (size_t rail = first; rail < result.rails.size(); ++rail) {
      op.mean_energy_j[rail].reset();
      op.energy_share[rail].reset();
    }
  }
  return result;
}

std::vector<v1::RailInfo> MeterRailInfos(const HostMeter& meter) {
  std::vector<v1::RailInfo> infos;
  for (const RailPower& rail : meter.rails) {
    v1::RailInfo& info = infos.emplace_back();
    info.set_name(rail.rail);
    info.set_scope(v1::RAIL_SCOPE_WALL);
    info.set_description(fmt::format("meter exec:{}", meter.record.command()));
  }
  return infos;
}

std::vector<std::string> MeterReasons(const HostMeter& meter, const Attribution& attribution) {
  std::vector<std::string> reasons;
  for (const std::string& problem : meter.record.problems()) {
    reasons.push_back(Reason(ReasonCode::kMeterClock, problem));
  }
  if (!meter.record.ended().empty()) {
    reasons.push_back(Reason(
        ReasonCode::kMeterGap,
        fmt::format("the meter's program {} before the job had ended", meter.record.ended())));
  }
  if (!attribution.all_window || meter.record.segments().empty()) return reasons;
  const double longest_s = std::max(kLongestGapS, kGapPeriods * meter.record.period_s());
  for (const RailPower& rail : meter.rails) {
    const double gap_s = LongestGap(rail.samples, *attribution.all_window);
    if (gap_s <= longest_s) continue;
    reasons.push_back(Reason(
        ReasonCode::kMeterGap,
        fmt::format("the meter gave no reading of {} for {:.3f} s of the job", rail.rail, gap_s)));
  }
  return reasons;
}

}  // namespace synergy
