#include "client/predict/run_scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <map>
#include <numeric>
#include <set>

namespace synergy {

absl::StatusOr<std::string> WholeRail(const RunReport& report) {
  const auto& infos = report.header.board().rails();
  std::map<std::string, std::string> container;
  for (const v1::RailInfo& info : infos) container[info.name()] = info.contained_in();
  std::vector<std::string> own;  // without a meter's, which measures them all once more
  std::set<std::string> tops;
  for (size_t i = 0; i < report.rails().size(); ++i) {
    if (i < report.estimates.size() && !report.estimates[i]) continue;
    own.push_back(report.rails()[i]);
    std::string top = own.back();
    while (container.contains(top) && !container[top].empty()) top = container[top];
    tops.insert(top);
  }
  if (tops.size() == 1 && std::ranges::find(own, *tops.begin()) != own.end()) return *tops.begin();
  if (own.empty()) return absl::NotFoundError("the run has no rails");
  return absl::InvalidArgumentError(
      fmt::format("no rail of {} contains all others: say with --rail which one the energies are "
                  "of: {}",
                  report.header.board().title(), fmt::join(own, ", ")));
}

namespace {

constexpr std::string_view kPolicy = "policy";

// Policies of cores are called by the first core of theirs.
std::map<uint32_t, double> PolicyClocks(const RunReport& report) {
  std::map<uint32_t, double> clocks;
  for (const ClockRange& clock : report.conditions.clocks) {
    if (!clock.clock.starts_with(kPolicy) || !clock.lowest_hz || !clock.highest_hz) continue;
    uint32_t first = 0;
    const char* const end = clock.clock.data() + clock.clock.size();
    if (std::from_chars(clock.clock.data() + kPolicy.size(), end, first).ptr != end) continue;
    clocks[first] =
        0.5e-9 * (static_cast<double>(*clock.lowest_hz) + static_cast<double>(*clock.highest_hz));
  }
  return clocks;
}

}  // namespace

std::vector<double> CoreClocks(const RunReport& report) {
  const std::map<uint32_t, double> policies = PolicyClocks(report);
  const auto& asked = report.header.job().clocks().cpus();
  std::set<uint32_t> cores(asked.begin(), asked.end());
  for (uint32_t core = 0; asked.empty() && core < report.header.board().cpus(); ++core) {
    cores.insert(core);
  }
  if (cores.empty()) {
    for (const auto& [first, ghz] : policies) cores.insert(first);
  }
  std::vector<double> clocks;
  for (const uint32_t core : cores) {
    const auto next = policies.upper_bound(core);
    if (next != policies.begin()) clocks.push_back(std::prev(next)->second);
  }
  return clocks;
}

std::optional<double> FrequencyOf(const RunReport& report) {
  const std::vector<double> clocks = CoreClocks(report);
  if (clocks.empty()) return std::nullopt;
  return std::accumulate(clocks.begin(), clocks.end(), 0.0) / static_cast<double>(clocks.size());
}

std::optional<double> TemperatureOf(const RunReport& report) {
  const std::vector<TemperatureRange>& zones = report.conditions.temperatures;
  if (zones.empty()) return std::nullopt;
  const auto is_cpu = [](const TemperatureRange& range) {
    return range.zone.find("CPU") != range.zone.npos || range.zone.find("cpu") != range.zone.npos;
  };
  const auto found = std::ranges::find_if(zones, is_cpu);
  const TemperatureRange& zone = found == zones.end() ? zones.front() : *found;
  return 0.5 * (zone.begin_c + zone.end_c);
}

}  // namespace synergy
