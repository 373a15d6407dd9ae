#include <algorithm>

#include "common/clock_request.h"
#include "common/frequency.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

std::string Policy(const v1::CpuPolicyState& policy) {
  const std::string cpus = FormatCpuList({policy.cpus().begin(), policy.cpus().end()});
  if (!policy.active()) return fmt::format("{} (CPUs {}): off", policy.name(), cpus);
  return fmt::format(
      "{} (CPUs {}, {}): {} to {}{}; governor {} of {}", policy.name(), cpus, policy.driver(),
      FormatFrequency({policy.lowest_khz()}), FormatFrequency({policy.highest_khz()}),
      policy.frequencies_khz().empty() ? std::string()
                                       : fmt::format(" in {} steps", policy.frequencies_khz_size()),
      policy.governor(), fmt::join(policy.governors(), " "));
}

std::string Device(const v1::DeviceClockState& device) {
  const auto text = [](int64_t hz) {
    return hz > 0 ? FormatFrequency({(hz + 500) / 1000}) : std::string("unknown");
  };
  return fmt::format("{}: {} to {}, {} now", device.name(), text(device.lowest_hz()),
                     text(device.highest_hz()), text(device.current_hz()));
}

std::string Mend(const std::string& note) {
  if (note.find("as root") != std::string::npos) return kStartAsRoot;
  if (note.find("cpufreq") != std::string::npos) {
    return "load the CPU's cpufreq driver (modprobe acpi-cpufreq, cpufreq-dt); a virtual machine "
           "has none";
  }
  return "";
}

// What has the lease is in its journal; what nobody has was left, or kept for people.
void FindJournals(const ClockFindings& found, Findings& findings) {
  for (const std::string& path : found.journals) {
    const std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
    const bool live = name == "sensors.journal" ||
                      (name == "clocks.journal" && (found.state.has_lease() || found.trial));
    if (live) continue;
    if (name.ends_with(".journal")) {
      findings.Limited(
          fmt::format("a lease that has ended left {}: not all is as it was", path),
          fmt::format("stop synergyd, then: {}; then start it again", found.restore_by_hand));
    } else if (name.find(".other-boot") != std::string_view::npos) {
      findings.Good(fmt::format("{} is of an earlier boot: the restart has put all back", path));
    } else {
      findings.Limited(fmt::format("{} has values that could not be put back", path),
                       fmt::format("look into it, set them by hand, then: sudo rm {}", path));
    }
  }
}

void FindTrial(const absl::StatusOr<ClockTrial>& trial, Findings& findings) {
  if (!trial.ok()) {
    const std::string why(trial.status().message());
    std::string mend;
    if (absl::IsPermissionDenied(trial.status())) {
      mend = why.find("(EROFS)") == std::string::npos ? kStartAsRoot : kRemountSysfs;
    } else if (absl::IsUnavailable(trial.status())) {
      mend = "try again when it has ended (synergyctl board, synergyctl clocks)";
    }
    return findings.Limited(fmt::format("tried to set a clock: {}", why), mend);
  }
  const v1::ClockSetting& setting = trial->setting;
  const std::string tried = fmt::format("tried{}: {} was {}, was set to {} and read {}",
                                        trial->simulated ? " (SIMULATED)" : "", setting.control(),
                                        setting.original(), setting.asked(), setting.obtained());
  if (setting.obtained() != setting.asked() || !trial->left.empty()) {
    return findings.Limited(
        fmt::format("{}; {}", tried,
                    trial->left.empty() ? "somebody else sets it"
                                        : fmt::format("{}", fmt::join(trial->left, "; "))),
        "find out who else sets clocks (nvpmodel, tuned, power-profiles-daemon) and stop it");
  }
  findings.Good(tried + "; it was put back");
}

}  // namespace

void FindClocks(const ClockFindings& found, v1::Diagnosis& diagnosis) {
  Findings findings("clocks", diagnosis);
  const v1::ClockState& state = found.state;
  if (state.simulated())
    findings.Good("SIMULATED: no real clock is set, and no durations follow these");
  for (const v1::CpuPolicyState& policy : state.policies()) findings.Good(Policy(policy));
  for (const v1::DeviceClockState& device : state.devices()) findings.Good(Device(device));
  for (const std::string& note : state.notes()) findings.Limited(note, Mend(note));
  findings.Good(state.has_lease() ? fmt::format("{} holds the clocks: {}", state.lease().holder(),
                                                DescribeClockRequest(state.lease().asked()))
                                  : std::string("nobody holds the clocks"));
  FindJournals(found, findings);
  if (found.trial.has_value()) FindTrial(*found.trial, findings);
}

}  // namespace synergy
