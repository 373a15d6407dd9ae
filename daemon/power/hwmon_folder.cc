#include "daemon/power/hwmon_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "common/sysfs.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

std::string Resolved(const std::string& path) {
  std::error_code error;
  const fs::path resolved = fs::canonical(path, error);
  return error ? "" : resolved.string();
}

}  // namespace

std::string HwmonDevice::Name() const {
  return fmt::format("{} {}", chip, fs::path(device.empty() ? folder : device).filename().string());
}

std::vector<HwmonDevice> ListHwmon(const std::string& sysfs) {
  std::vector<HwmonDevice> devices;
  const std::string parent = sysfs + "/class/hwmon";
  for (const std::string& name : ListSysfs(parent)) {
    HwmonDevice device;
    device.folder = parent + "/" + name;
    device.chip = ReadSysfs(device.folder + "/name").value_or("");
    device.device = Resolved(device.folder + "/device");
    if (!device.chip.empty()) devices.push_back(std::move(device));
  }
  return devices;
}

absl::StatusOr<std::string> FindHwmon(const std::string& sysfs, const HwmonDevice& device) {
  for (const HwmonDevice& candidate : ListHwmon(sysfs)) {
    const bool same_place = device.device.empty() ? candidate.folder == device.folder
                                                  : candidate.device == device.device;
    if (same_place && candidate.chip == device.chip) return candidate.folder;
  }
  return absl::NotFoundError(fmt::format(
      "no hwmon device is called {} at {} any more; its driver was unbound or it was unplugged",
      device.chip, device.device.empty() ? device.folder : device.device));
}

std::vector<int> AttributeNumbers(const std::string& folder, std::string_view prefix,
                                  std::string_view suffix) {
  std::vector<int> numbers;
  for (const std::string& file : ListSysfs(folder)) {
    std::string_view middle = file;
    if (!middle.starts_with(prefix) || !middle.ends_with(suffix)) continue;
    if (middle.size() <= prefix.size() + suffix.size()) continue;
    middle = middle.substr(prefix.size(), middle.size() - prefix.size() - suffix.size());
    int number = 0;
    const auto [end, error] = std::from_chars(middle.data(), middle.data() + middle.size(), number);
    if (error == std::errc() && end == middle.data() + middle.size()) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::string ResolvedFolder(const std::string& folder) {
  std::string resolved = Resolved(folder);
  return resolved.empty() ? folder : resolved;
}

bool HasAttribute(const std::string& folder, const std::string& file) {
  std::error_code error;
  return fs::exists(folder + "/" + file, error);
}

}  // namespace synergy
