#include "daemon/power/sensor_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace synergy {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> EntriesOf(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  return entries;
}

std::string FirstLine(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line.empty() ? "unnamed" : line;
}

// Documentation/hwmon/sysfs-interface.rst: power*_input in uW, energy*_input in uJ, curr*_input in
// mA.
bool IsPowerAttribute(const std::string& name) {
  const bool quantity =
      name.starts_with("power") || name.starts_with("energy") || name.starts_with("curr");
  return quantity && (name.ends_with("_input") || name.ends_with("_average"));
}

bool MeasuresPower(const fs::path& hwmon) {
  return std::ranges::any_of(EntriesOf(hwmon), [](const fs::path& file) {
    return IsPowerAttribute(file.filename().string());
  });
}

}  // namespace

std::vector<std::string> SurveyPowerSensors(const std::string& sysfs) {
  std::vector<std::string> sensors;
  for (const fs::path& hwmon : EntriesOf(fs::path(sysfs) / "class/hwmon")) {
    if (!MeasuresPower(hwmon)) continue;
    sensors.push_back(fmt::format("{} ({})", hwmon.filename().string(), FirstLine(hwmon / "name")));
  }
  for (const fs::path& zone : EntriesOf(fs::path(sysfs) / "class/powercap")) {
    std::error_code error;
    if (!fs::exists(zone / "energy_uj", error)) continue;
    sensors.push_back(
        fmt::format("powercap {} ({})", zone.filename().string(), FirstLine(zone / "name")));
  }
  std::ranges::sort(sensors);
  return sensors;
}

}  // namespace synergy
