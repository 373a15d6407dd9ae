#include "client/analysis/resolution.h"

#include <algorithm>

#include "common/records/resolution.h"

namespace synergy {
namespace {

double ReadsHz(const RunReport& report, const v1::ChannelInfo& channel) {
  for (const v1::SourceStats& source : report.sampling.sources) {
    for (const v1::ChannelStats& stats : source.channels()) {
      if (stats.channel() == channel.channel()) return stats.achieved_hz();
    }
  }
  return report.sampling.requested_hz;
}

}  // namespace

std::vector<RailResolution> ResolutionOf(const RunReport& report) {
  std::vector<RailResolution> rails;
  for (const v1::ChannelInfo& channel : report.header.channels()) {
    if (channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
    RailResolution now{.rail = channel.rail(),
                       .window_s = WindowLength(channel.window()),
                       .shortest_s = ShortestResolved(channel, ReadsHz(report, channel))};
    if (now.shortest_s.has_value()) {
      now.shorter = static_cast<size_t>(std::ranges::count_if(
          report.ops, [&](const OpReport& op) { return op.result.time_s.mean < *now.shortest_s; }));
    }
    const auto known = std::ranges::find(rails, now.rail, &RailResolution::rail);
    if (known == rails.end()) {
      rails.push_back(std::move(now));
    } else if (now.shortest_s && (!known->shortest_s || *now.shortest_s < *known->shortest_s)) {
      *known = std::move(now);
    }
  }
  return rails;
}

}  // namespace synergy
