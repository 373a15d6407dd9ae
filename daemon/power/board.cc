#include "daemon/power/board.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>

#include "common/nearest_name.h"
#include "daemon/power/board_profile.h"
#include "daemon/power/ina3221_source.h"
#include "daemon/power/jetson_tx1_model.h"
#include "daemon/power/real_board.h"
#include "daemon/power/source_description.h"

namespace synergy {
namespace {

constexpr std::string_view kAuto = "auto";
constexpr std::string_view kSimulatedTx1 = "sim:jetson-tx1";
// What most drivers and buses can do.
constexpr double kUnknownBoardRateHz = 1000;

Ina3221Wiring WiringOf(const SensorProfile& sensor) {
  Ina3221Wiring wiring;
  wiring.address = sensor.address;
  for (const SensorChannelProfile& channel : sensor.channels) {
    wiring.channels[channel.number - 1] = {.rail = channel.rail, .shunt_ohm = channel.shunt_ohm};
  }
  return wiring;
}

ClockTables ClockTablesOf(const BoardProfile& profile) {
  ClockTables tables{.cpu_cores = profile.cpu_cores};
  for (const CpuOperatingPoint& point : profile.operating_points) {
    tables.cpu_khz.push_back(std::llround(point.frequency_hz / 1000));
  }
  for (const double hz : profile.gpu_frequencies_hz) tables.gpu_hz.push_back(std::llround(hz));
  return tables;
}

absl::StatusOr<Board> OpenSimulatedTx1(uint64_t seed, Clock& clock) {
  absl::StatusOr<BoardProfile> profile = BuiltInBoardProfile("jetson-tx1");
  if (!profile.ok()) return profile.status();
  auto model = tx1::JetsonTx1Model::Create(*profile, seed, {}, clock);
  if (!model.ok()) return model.status();

  Board board;
  board.info.set_name(std::string(kSimulatedTx1));
  board.info.set_title(profile->title + " (simulated)");
  board.info.set_simulated(true);
  board.info.set_default_rate_hz(profile->default_rate_hz);
  board.clock_tables = ClockTablesOf(*profile);
  const std::vector<v1::RailInfo> rails = profile->SensedRailInfos();
  board.info.mutable_rails()->Assign(rails.begin(), rails.end());
  for (const SensorProfile& sensor : profile->sensors) {
    auto source = Ina3221Source::Open(tx1::JetsonTx1Model::BusOf(*model), WiringOf(sensor));
    if (!source.ok()) return source.status();
    *board.info.add_sources() = DescribeSource(**source);
    board.sources.push_back(*std::move(source));
  }
  board.simulation = *std::move(model);
  return board;
}

std::vector<std::string> BoardNames() {
  std::vector<std::string> names{std::string(kAuto), std::string(kSimulatedTx1)};
  for (std::string& id : BuiltInBoardProfileIds()) names.push_back(std::move(id));
  return names;
}

absl::Status NoSuchBoard(std::string_view name) {
  const std::vector<std::string> names = BoardNames();
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(fmt::format(
      "no board is named \"{}\"{}; there are: {}", name,
      nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest), fmt::join(names, ", ")));
}

// Of a machine that no profile fits.
BoardProfile UnknownBoard() {
  BoardProfile profile;
  profile.id = std::string(kAuto);
  profile.title = "this machine";
  profile.default_rate_hz = kUnknownBoardRateHz;
  return profile;
}

}  // namespace

absl::StatusOr<BoardProfile> BoardProfileOf(std::string_view name, const std::string& sysfs_root) {
  const absl::StatusOr<std::vector<BoardProfile>> profiles = BuiltInBoardProfiles();
  if (!profiles.ok()) return profiles.status();
  if (name == kAuto) {
    const BoardProfile* found = RecogniseBoard(*profiles, sysfs_root);
    return found == nullptr ? UnknownBoard() : *found;
  }
  const std::string_view id = name == kSimulatedTx1 ? name.substr(kSimulatedPrefix.size()) : name;
  for (const BoardProfile& profile : *profiles) {
    if (profile.id == id) return profile;
  }
  return NoSuchBoard(name);
}

absl::StatusOr<Board> OpenBoard(std::string_view name, uint64_t seed, Clock& clock,
                                const SensorAccess& access) {
  if (name == kSimulatedTx1) return OpenSimulatedTx1(seed, clock);
  absl::StatusOr<BoardProfile> profile = BoardProfileOf(name, access.sysfs_root);
  if (!profile.ok()) return profile.status();
  if (access.settings == nullptr) {
    return absl::FailedPreconditionError("A real board needs a writer of settings");
  }
  absl::StatusOr<Board> board = OpenRealBoard(*profile, access, clock);
  if (board.ok() && access.sysfs_root != "/sys") {
    board->info.set_simulated(true);
    board->info.set_title(fmt::format("{} (captured tree {})", profile->title, access.sysfs_root));
  }
  return board;
}

}  // namespace synergy
