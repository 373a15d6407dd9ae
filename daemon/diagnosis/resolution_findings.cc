#include <cmath>
#include <map>
#include <vector>

#include "common/records/resolution.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// Most operators of the networks that synergyctl knows are shorter than that on a small board, so
// that only whole networks have readings of their own.
constexpr double kLongS = 10e-3;

std::string DescribeWindow(const v1::ChannelInfo& channel) {
  const v1::Window& window = channel.window();
  if (channel.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) {
    return fmt::format("an energy counter, updated every {} (+-{:.0f} %)",
                       TimeText(window.period_s()), 100 * window.period_tolerance());
  }
  std::string text =
      fmt::format("a conversion of {} in every {} (+-{:.0f} %)", TimeText(window.slot_s()),
                  TimeText(window.period_s()), 100 * window.period_tolerance());
  if (window.average() > 1) {
    text += fmt::format(", through a filter of {} readings ({})", window.average(),
                        TimeText(window.average() * window.period_s()));
  }
  return text + (window.phase_known() ? ", its place known" : ", at an unknown place in it");
}

std::string MendFor(const v1::ChannelInfo& channel, bool root) {
  if (channel.window().average() > 1 && !root) {
    return fmt::format("{}: it then switches the chip's filter off", kStartAsRoot);
  }
  return "measure with a faster source: synergyd --source i2c (INA3221), --source exec:COMMAND "
         "(docs/boards.md)";
}

}  // namespace

void FindResolution(const v1::BoardInfo& board, bool root, v1::Diagnosis& diagnosis) {
  Findings findings("resolution", diagnosis);
  for (const v1::SourceInfo& source : board.sources()) {
    const double limit_hz = source.max_rate_hz() > 0 ? source.max_rate_hz() : HUGE_VAL;
    const double reads_hz = std::min(limit_hz, board.default_rate_hz());
    // Rails that are measured alike are told together, in their order.
    std::vector<std::pair<std::string, std::vector<const v1::ChannelInfo*>>> alike;
    for (const v1::ChannelInfo& channel : source.channels()) {
      if (channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
      const std::string key = channel.window().SerializeAsString();
      auto group = std::ranges::find(alike, key, [](const auto& entry) { return entry.first; });
      if (group == alike.end()) group = alike.insert(alike.end(), {key, {}});
      group->second.push_back(&channel);
    }
    for (const auto& [key, channels] : alike) {
      std::vector<std::string> rails;
      for (const v1::ChannelInfo* channel : channels) rails.push_back(channel->rail());
      const std::string names = fmt::format("{}", fmt::join(rails, ", "));
      const std::optional<double> shortest = ShortestResolved(*channels.front(), reads_hz);
      if (!shortest.has_value()) {
        findings.Limited(fmt::format("{}: which time a reading is of is not known, so neither is "
                                     "how short an operator may be",
                                     names),
                         MendFor(*channels.front(), root));
        continue;
      }
      const std::string found = fmt::format(
          "{}: {}; read {:.4g} times a second. Operators of {} and more have readings of their "
          "own, shorter ones are smeared with what runs beside them",
          names, DescribeWindow(*channels.front()), reads_hz, TimeText(*shortest));
      if (*shortest > kLongS) {
        findings.Limited(found, MendFor(*channels.front(), root));
      } else {
        findings.Good(found);
      }
    }
  }
}

}  // namespace synergy
