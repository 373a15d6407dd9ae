#include <array>

#include "common/files.h"
#include "common/sysfs.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "daemon/power/source_description.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kMaxCpuInfoBytes = 4 << 20;  // some 2 kB for each CPU

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What mends it where the words of common/sysfs.h say so; "" where they do not.
std::string MendFor(std::string_view words, bool root) {
  if (Contains(words, "(EROFS)")) return kRemountSysfs;
  if (Contains(words, "(EACCES)") || Contains(words, "(EPERM)")) {
    return root ? "give synergyd the file: a container needs --privileged" : kStartAsRoot;
  }
  if (Contains(words, "(EBUSY)")) return "find out who else uses it: sudo lsof /dev/i2c-*";
  return "";
}

// `words` of a source, parted where they say what to do. False: they tell no way to mend it.
bool TellLimit(std::string_view before, std::string_view words, bool root, Findings& findings) {
  const size_t mend = words.find(kToMend);
  const std::string what = fmt::format("{}{}", before, words.substr(0, mend));
  const std::string how = mend == std::string_view::npos
                              ? MendFor(words, root)
                              : std::string(words.substr(mend + kToMend.size()));
  if (how.empty()) return false;
  findings.Limited(what, how);
  return true;
}

// Chips on an I2C bus that a hwmon driver would show; by their names, as the device tree or whoever
// made the device calls them (drivers/hwmon/ina2xx.c, ina209.c, ina238.c, ina3221.c).
struct Chip {
  std::string_view name;
  std::string_view driver;
};
constexpr auto kChips = std::to_array<Chip>({{"ina3221", "ina3221"},
                                             {"ina209", "ina209"},
                                             {"ina219", "ina2xx"},
                                             {"ina220", "ina2xx"},
                                             {"ina226", "ina2xx"},
                                             {"ina230", "ina2xx"},
                                             {"ina231", "ina2xx"},
                                             {"ina237", "ina238"},
                                             {"ina238", "ina238"}});

void FindUnbound(const DiagnosisSubject& subject, Findings& findings) {
  const std::string devices = subject.sysfs + "/bus/i2c/devices";
  for (const std::string& device : ListSysfs(devices)) {
    const std::string name = ReadSysfs(fmt::format("{}/{}/name", devices, device)).value_or("");
    const auto chip = std::ranges::find(kChips, name, &Chip::name);
    if (chip == kChips.end()) continue;
    if (KernelFiles().Resolve(fmt::format("{}/{}/driver", devices, device)).ok()) continue;
    // Taken from its driver by synergyd itself.
    if (std::ranges::any_of(subject.board.sources(),
                            [&](const auto& source) { return Contains(source.name(), device); })) {
      continue;
    }
    findings.Limited(
        fmt::format("{} {} is there, but no driver is bound to it", name, device),
        fmt::format("sudo modprobe {0}; echo {1} | sudo tee /sys/bus/i2c/drivers/{0}/bind; then "
                    "restart synergyd",
                    chip->driver, device));
  }
}

void FindRapl(const DiagnosisSubject& subject, Findings& findings) {
  for (const std::string& zone : ListSysfs(subject.sysfs + "/class/powercap")) {
    if (zone.starts_with("intel-rapl")) return;
  }
  const std::string cpu =
      ReadFile(subject.machine + "/proc/cpuinfo", kMaxCpuInfoBytes).value_or("");
  if (!Contains(cpu, "GenuineIntel") && !Contains(cpu, "AuthenticAMD")) return;
  if (Contains(cpu, " hypervisor")) {
    return findings.Limited("this is a virtual machine: it has no energy counters (RAPL)",
                            "measure on the machine itself");
  }
  findings.Limited(
      "the kernel shows no energy counters (RAPL)",
      "sudo modprobe intel_rapl_msr (Intel, and AMD since Zen); then restart synergyd");
}

}  // namespace

void FindPower(const DiagnosisSubject& subject, bool root, v1::Diagnosis& diagnosis) {
  Findings findings("power", diagnosis);
  const v1::BoardInfo& board = subject.board;
  for (const v1::SourceInfo& source : board.sources()) {
    findings.Good(
        fmt::format("{}{}: {}{}", board.simulated() ? "SIMULATED " : "", source.name(),
                    fmt::join(source.rails(), ", "),
                    source.max_rate_hz() > 0
                        ? fmt::format("; up to {:.1f} readings a second", source.max_rate_hz())
                        : std::string("; no limit of its rate is known")));
    for (const std::string& remark : source.remarks()) {
      if (!TellLimit("", remark, root, findings)) findings.Limited(remark, "");
    }
  }
  for (const std::string& unused : board.unused_sources()) {
    if (!TellLimit("not read: ", unused, root, findings)) findings.Good("not read: " + unused);
  }
  if (!board.simulated()) {
    FindUnbound(subject, findings);
    FindRapl(subject, findings);
  }
  if (!board.sources().empty()) return;
  findings.Missing("no power source: nothing can be measured",
                   "synergyd --source exec:COMMAND reads any program (docs/boards.md); for a look "
                   "around: synergyd --board sim:jetson-tx1");
}

}  // namespace synergy
