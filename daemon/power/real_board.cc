#include "daemon/power/real_board.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/power/discover.h"
#include "daemon/power/exec_source.h"
#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr size_t kMaxCompatibleBytes = 4096;

// The texts of a device tree's property, which end with a NUL each.
std::vector<std::string> DeviceTreeTexts(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path, kMaxCompatibleBytes);
  std::vector<std::string> texts;
  for (size_t begin = 0; bytes.ok() && begin < bytes->size();) {
    texts.emplace_back(bytes->c_str() + begin);
    begin += texts.back().size() + 1;
  }
  return texts;
}

bool IsPresent(const std::string& pattern) {
  glob_t found = {};
  const bool present = glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0;
  globfree(&found);
  return present;
}

bool Names(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

const BoardProfile* FirstWith(const std::vector<BoardProfile>& profiles,
                              const std::function<bool(const BoardSigns&)>& fits) {
  const auto found = std::ranges::find_if(profiles, fits, &BoardProfile::signs);
  return found == profiles.end() ? nullptr : &*found;
}

const RailProfile* ProfileOf(const BoardProfile& profile, const std::string& label) {
  for (const RailProfile& rail : profile.rails) {
    if (Names(rail.labels, label)) return &rail;
  }
  return nullptr;
}

// Parents first; otherwise in the order given. A rail whose container is not there is at the top.
std::vector<v1::RailInfo> InOrder(std::vector<v1::RailInfo> rails) {
  std::vector<v1::RailInfo> ordered;
  const auto is_in = [](const std::vector<v1::RailInfo>& all, const std::string& name) {
    return std::ranges::any_of(all, [&](const auto& rail) { return rail.name() == name; });
  };
  while (!rails.empty()) {
    auto next = std::ranges::find_if(rails, [&](const v1::RailInfo& rail) {
      return rail.contained_in().empty() || is_in(ordered, rail.contained_in());
    });
    if (next == rails.end()) {  // in one that nobody measures, or in a circle
      next = rails.begin();
      next->clear_contained_in();
    }
    ordered.push_back(std::move(*next));
    rails.erase(next);
  }
  return ordered;
}

absl::Status AddPrograms(const std::vector<std::string>& programs, DiscoveredSources& found,
                         Clock& clock) {
  for (const std::string& command : programs) {
    absl::StatusOr<FoundSource> source = ExecSource::Open(
        fmt::format("exec:{}", command), [command] { return StartShellProgram(command); },
        found.names, clock);
    if (!source.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("--source {}", std::string(source.status().message())));
    }
    found.sources.push_back(*std::move(source));
  }
  return absl::OkStatus();
}

// Null: not asked for.
OpenBus BusesOf(const SensorAccess& access, Clock& clock) {
  if (!access.direct_i2c) return nullptr;
  if (access.sysfs_root == "/sys") return OpenI2cDev(clock);
  return [root = access.sysfs_root](int) -> absl::StatusOr<std::shared_ptr<RegisterBus>> {
    return absl::FailedPreconditionError(
        fmt::format("{} is a tree of files, and no chip is behind it", root));
  };
}

std::string NothingFound(const std::vector<std::string>& unused) {
  return fmt::format(
      "measure power: no power sensor that can be read was found{}{}; start synergyd with --board "
      "sim:jetson-tx1 for a simulated board",
      unused.empty() ? "" : ": ", fmt::join(unused, "; "));
}

}  // namespace

const BoardProfile* RecogniseBoard(const std::vector<BoardProfile>& profiles,
                                   const std::string& sysfs_root) {
  for (const std::string& name :
       DeviceTreeTexts(sysfs_root + "/firmware/devicetree/base/compatible")) {
    const BoardProfile* found =
        FirstWith(profiles, [&](const BoardSigns& s) { return Names(s.compatible, name); });
    if (found != nullptr) return found;
  }
  const absl::StatusOr<std::string> product = ReadSysfs(sysfs_root + "/class/dmi/id/product_name");
  if (product.ok()) {
    const BoardProfile* found =
        FirstWith(profiles, [&](const BoardSigns& s) { return Names(s.dmi_product, *product); });
    if (found != nullptr) return found;
  }
  const BoardProfile* best = nullptr;
  for (const BoardProfile& profile : profiles) {
    const bool fits = std::ranges::any_of(profile.signs.present, [&](const std::string& pattern) {
      return IsPresent(sysfs_root + "/" + pattern);
    });
    if (fits && (best == nullptr || profile.signs.rank > best->signs.rank)) best = &profile;
  }
  return best;
}

std::string SignsOf(const BoardProfile& profile, const std::string& sysfs_root) {
  for (const std::string& name :
       DeviceTreeTexts(sysfs_root + "/firmware/devicetree/base/compatible")) {
    if (Names(profile.signs.compatible, name)) return fmt::format("its device tree ({})", name);
  }
  const absl::StatusOr<std::string> product = ReadSysfs(sysfs_root + "/class/dmi/id/product_name");
  if (product.ok() && Names(profile.signs.dmi_product, *product)) {
    return fmt::format("its firmware's product name ({})", *product);
  }
  for (const std::string& pattern : profile.signs.present) {
    if (IsPresent(sysfs_root + "/" + pattern))
      return fmt::format("what its kernel shows ({})", pattern);
  }
  return "";
}

std::vector<v1::RailInfo> DescribeRails(const BoardProfile& profile,
                                        std::vector<v1::RailInfo> found) {
  std::map<std::string, std::string> names;  // by the profile's name of a rail
  for (const v1::RailInfo& rail : found) {
    const RailProfile* known = ProfileOf(profile, rail.name());
    if (known != nullptr) names.try_emplace(known->info.name(), rail.name());
  }
  for (v1::RailInfo& rail : found) {
    const RailProfile* known = ProfileOf(profile, rail.name());
    if (known == nullptr || names.at(known->info.name()) != rail.name()) continue;
    const std::string name = rail.name();
    rail = known->info;
    rail.set_name(name);
    // The nearest container that is measured.
    const RailProfile* container = ProfileOf(profile, rail.contained_in());
    while (container != nullptr && !names.contains(container->info.name())) {
      container = ProfileOf(profile, container->info.contained_in());
    }
    rail.set_contained_in(container == nullptr ? "" : names.at(container->info.name()));
  }
  return InOrder(std::move(found));
}

absl::StatusOr<Board> OpenRealBoard(const BoardProfile& profile, const SensorAccess& access,
                                    Clock& clock) {
  DiscoveredSources found =
      DiscoverSources(access.sysfs_root, *access.settings, clock, profile,
                      access.sysfs_root == "/sys" ? RunVcgencmd : nullptr, BusesOf(access, clock));
  if (absl::Status status = AddPrograms(access.programs, found, clock); !status.ok()) return status;

  Board board;
  board.info.set_name(profile.id);
  board.info.set_title(profile.title);
  board.info.set_default_rate_hz(profile.default_rate_hz);
  board.device_clocks = profile.clocks;
  board.fan = profile.fan;
  board.thermal_zones = profile.thermal_zones;
  board.info.mutable_notes()->Assign(profile.notes.begin(), profile.notes.end());
  board.info.mutable_unused_sources()->Assign(found.unused.begin(), found.unused.end());
  std::vector<v1::RailInfo> rails;
  for (FoundSource& source : found.sources) {
    *board.info.add_sources() = DescribeSource(*source.source);
    rails.insert(rails.end(), source.rails.begin(), source.rails.end());
    board.sources.push_back(std::move(source.source));
  }
  rails = DescribeRails(profile, std::move(rails));
  board.info.mutable_rails()->Assign(rails.begin(), rails.end());
  if (board.sources.empty()) board.info.add_cannot(NothingFound(found.unused));
  return board;
}

}  // namespace synergy
