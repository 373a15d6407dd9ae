#include "daemon/power/rapl_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace synergy {
namespace {

constexpr double kJoulesPerStep = 1e-6;  // energy_uj
constexpr double kUpdateS = 1e-3;
// The SDM says "approximately".
constexpr double kUpdateTolerance = 0.1;

constexpr std::string_view kMsrZones = "intel-rapl:";
constexpr std::string_view kMmioZones = "intel-rapl-mmio:";

struct Zone {
  std::string folder;  // "intel-rapl:0:1", in class/powercap
  std::string parent;  // "intel-rapl:0"; "" at the top
  std::string name;    // "core"
  int64_t range_uj = 0;
  double most_w = 0;
  std::string rail;
};

std::string Parent(const std::string& folder) {
  const size_t colon = folder.rfind(':');
  return folder.find(':') == colon ? "" : folder.substr(0, colon);
}

// What a zone draws for a moment may be above its limits, which are means over time: Intel's limit
// of the shortest peaks (PL4) is about twice that of turbo (PL2), which is up to twice max_power.
constexpr double kPeak = 4;
constexpr int kMostConstraints = 4;

// The most that a zone can draw, by its constraints; 0: these do not say.
double MostWatts(const std::string& folder, SysfsTree& tree) {
  int64_t most_uw = 0;
  for (int i = 0; i < kMostConstraints; ++i) {
    for (const char* file : {"max_power_uw", "power_limit_uw"}) {
      const auto limit_uw = tree.ReadInteger(fmt::format("{}/constraint_{}_{}", folder, i, file));
      most_uw = std::max(most_uw, limit_uw.value_or(0));
    }
  }
  return std::min(kPeak * 1e-6 * static_cast<double>(most_uw), EnergyCounter::kMostWatts);
}

std::vector<Zone> ListZones(const std::string& sysfs, SysfsTree& tree) {
  const std::string parent = sysfs + "/class/powercap";
  const std::vector<std::string> folders = tree.List(parent);
  const auto starts = [](std::string_view prefix) {
    return [prefix](const std::string& name) { return name.starts_with(prefix); };
  };
  const std::string_view prefix =
      std::ranges::any_of(folders, starts(kMsrZones)) ? kMsrZones : kMmioZones;
  std::vector<Zone> zones;
  for (const std::string& folder : folders) {
    if (!folder.starts_with(prefix) || !tree.Has(parent + "/" + folder + "/energy_uj")) continue;
    zones.push_back(
        {.folder = folder,
         .parent = Parent(folder),
         .name = tree.Read(fmt::format("{}/{}/name", parent, folder)).value_or(folder),
         .range_uj =
             tree.ReadInteger(fmt::format("{}/{}/max_energy_range_uj", parent, folder)).value_or(0),
         .most_w = MostWatts(parent + "/" + folder, tree),
         .rail = ""});
  }
  // Parents before what they contain, so that rails can name them.
  std::ranges::stable_sort(zones, {}, [](const Zone& zone) { return !zone.parent.empty(); });
  return zones;
}

v1::RailInfo RailOf(const Zone& zone, const std::vector<Zone>& zones) {
  const auto psys = std::ranges::find(zones, "psys", &Zone::name);
  const auto parent = std::ranges::find(zones, zone.parent, &Zone::folder);
  v1::RailInfo rail;
  rail.set_name(zone.rail);
  rail.set_scope(v1::RAIL_SCOPE_COMPONENT);
  if (zone.name == "psys") {
    rail.set_scope(v1::RAIL_SCOPE_MODULE);
    rail.set_description("the whole platform, as its maker wired it");
  } else if (zone.name != "dram" && !zone.parent.empty() && parent != zones.end()) {
    rail.set_contained_in(parent->rail);
  } else if (psys != zones.end()) {
    rail.set_contained_in(psys->rail);
  }
  return rail;
}

AttributeSource::Channel ChannelOf(const Zone& zone, double parent_most_w) {
  AttributeSource::Channel channel;
  // A part does not draw more than the whole, and memory not more than its package.
  const double most_w = zone.most_w > 0 ? zone.most_w : parent_most_w;
  if (most_w > 0) channel.most_w = most_w;
  channel.file = zone.folder + "/energy_uj";
  channel.counter_range_uj = zone.range_uj;
  channel.info.set_rail(zone.rail);
  channel.info.set_quantity(v1::ChannelInfo::QUANTITY_ENERGY_COUNTER);
  channel.info.set_scale(kJoulesPerStep);
  channel.info.set_source(zone.folder);
  v1::Window& window = *channel.info.mutable_window();
  window.set_slot_s(kUpdateS);
  window.set_period_s(kUpdateS);
  window.set_period_tolerance(kUpdateTolerance);
  window.set_average(1);
  return channel;
}

}  // namespace

bool HasRapl(const std::string& sysfs, const std::shared_ptr<SysfsTree>& tree) {
  return !ListZones(sysfs, *tree).empty();
}

absl::StatusOr<FoundSource> OpenRapl(const std::string& sysfs, RailNames& names, Clock& clock,
                                     const std::shared_ptr<SysfsTree>& tree) {
  std::vector<Zone> zones = ListZones(sysfs, *tree);
  const std::string folder = sysfs + "/class/powercap";
  if (zones.empty()) {
    return absl::NotFoundError(fmt::format("{} has no RAPL zone with an energy counter", folder));
  }
  AttributeSource::Options options;
  options.name = "rapl";
  for (Zone& zone : zones) {
    const auto parent = std::ranges::find(zones, zone.parent, &Zone::folder);
    zone.rail = names.Take(zone.parent.empty() || parent == zones.end()
                               ? zone.name
                               : fmt::format("{} {}", parent->name, zone.name));
    options.channels.push_back(ChannelOf(zone, parent == zones.end() ? 0 : parent->most_w));
  }
  options.tree = tree;
  options.find = [folder, first = zones.front().folder, tree]() -> absl::StatusOr<std::string> {
    if (tree->Has(folder + "/" + first)) return folder;
    return absl::NotFoundError(fmt::format("{}/{} is gone", folder, first));
  };
  FoundSource found;
  for (const Zone& zone : zones) {
    v1::RailInfo rail = RailOf(zone, zones);
    // The order of a board's rails: what contains others stands before them.
    if (zone.name == "psys") {
      found.rails.insert(found.rails.begin(), std::move(rail));
    } else {
      found.rails.push_back(std::move(rail));
    }
  }
  auto source = AttributeSource::Open(std::move(options), clock);
  if (!source.ok()) return source.status();
  found.source = *std::move(source);
  return found;
}

}  // namespace synergy
