#include "daemon/power/sensor_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
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

bool MeasuresPower(const fs::path& hwmon) {
  // Documentation/hwmon/sysfs-interface.rst: power*_input in uW, energy*_input in uJ, curr*_input
  // in mA.
  static const std::regex kInput("(power|energy|curr)[0-9]+_(input|average)");
  return std::ranges::any_of(EntriesOf(hwmon), [](const fs::path& file) {
    return std::regex_match(file.filename().string(), kInput);
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
