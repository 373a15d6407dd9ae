#include "daemon/lease_restorer.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/sysfs.h"
#include "daemon/clocks/simulated_clocks.h"
#include "daemon/installation.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// In quotes where a shell would make something else of it.
std::string ShellWord(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("/._-+:@").find(c) != std::string_view::npos;
  });
  if (plain && !text.empty()) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

void RestoreIn(const std::string& leases, RestoreOptions options, AttributeFiles& files,
               RestoredLeases& result) {
  // Journals hold paths without links. A root that is not there has nothing to restore in it.
  if (const absl::StatusOr<std::string> root = files.Resolve(options.sysfs_root); root.ok()) {
    options.sysfs_root = *root;
  }
  for (const auto& [path, report] : RestoreFolder(leases, options, files)) {
    if (!report.found && report.status.ok()) continue;
    result.clean = result.clean && report.Clean();
    if (!report.holder.empty() && !report.other_boot) {
      result.lines.push_back(fmt::format("a lease of {} was not ended well:", report.holder));
    }
    for (const std::string& line : DescribeReport(report)) result.lines.push_back(line);
  }
  // What an earlier restore could not put back, and never will.
  for (std::string& line : DescribeSetAside(leases)) {
    result.clean = false;
    result.lines.push_back(std::move(line));
  }
}

}  // namespace

std::string LeaseFolder(const std::string& state_dir) { return state_dir + "/leases"; }
std::string SimulatedClockFolder(const std::string& state_dir) {
  return state_dir + "/simulated-clocks";
}

std::string RestoreByHand(const std::string& state_dir, const std::string& sysfs_root) {
  std::error_code error;
  const auto absolute = [&](const std::string& folder) {
    const std::filesystem::path path = std::filesystem::absolute(folder, error);
    return ShellWord(error ? folder : path.string());
  };
  std::string command = fmt::format("{}synergyd --restore --state {}",
                                    geteuid() == 0 ? "sudo " : "", absolute(state_dir));
  if (sysfs_root != "/sys") command += fmt::format(" --sysfs-root {}", absolute(sysfs_root));
  return command;
}

absl::StatusOr<RestoreOptions> RestoreOptionsOf(const std::string& state_dir,
                                                const std::string& sysfs_root,
                                                AttributeFiles& files) {
  absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return boot_id.status();
  absl::StatusOr<std::string> root = files.Resolve(sysfs_root);
  if (!root.ok()) return root.status();
  return RestoreOptions{.boot_id = *std::move(boot_id),
                        .sysfs_root = *std::move(root),
                        .by_hand = RestoreByHand(state_dir, sysfs_root),
                        .lock_folder = MachineLockFolder()};
}

absl::StatusOr<std::string> ReadBootId() { return ReadSysfs("/proc/sys/kernel/random/boot_id"); }

RestoredLeases RestoreLeases(const std::string& state_dir, const std::string& sysfs_root,
                             AttributeFiles& files) {
  RestoredLeases result;
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) {
    result.clean = false;
    result.lines.push_back(
        fmt::format("nothing was restored: {}", std::string(boot_id.status().message())));
    return result;
  }
  RestoreIn(LeaseFolder(state_dir),
            {.boot_id = *boot_id, .sysfs_root = sysfs_root, .lock_folder = MachineLockFolder()},
            files, result);
  const std::string folder = SimulatedClockFolder(state_dir);
  SimulatedClocks simulated(folder);
  RestoreIn(LeaseFolder(folder), {.boot_id = *boot_id, .sysfs_root = SimulatedSysfsRoot(folder)},
            simulated, result);
  return result;
}

}  // namespace synergy
