#include <algorithm>
#include <span>
#include <string_view>

#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/diagnosis/findings.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// A marker reads the clock, or a counter, twice: the vDSO takes 20 to 60 ns, a device's register
// (hpet, acpi_pm) a microsecond and more (Documentation/timers/timekeeping.rst).
constexpr double kSlowReadS = 500e-9;
// The counter's own resolution is a nanosecond; jiffies' is a millisecond or more.
constexpr double kCoarseS = 1e-6;
// Read without the kernel, by all that is known of them.
constexpr std::string_view kFast[] = {"tsc", "arch_sys_counter", "kvm-clock",
                                      "hyperv_clocksource_tsc_page", "riscv_clocksource"};
constexpr std::string_view kSlow[] = {"hpet",    "acpi_pm", "jiffies",
                                      "refined", "pit",     "hyperv_clocksource_msr"};

bool IsOneOf(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::any_of(names, [&](std::string_view n) { return name.starts_with(n); });
}

std::string MendFor(const std::string& folder) {
  const std::string available = ReadSysfs(folder + "/available_clocksource").value_or("");
  for (const std::string_view fast : kFast) {
    if (available.find(fast) == std::string::npos) continue;
    return fmt::format("echo {} | sudo tee {}/current_clocksource", fast, folder);
  }
  return "boot with tsc=reliable where the processor's counter is steady (dmesg says why the "
         "kernel "
         "does not trust it)";
}

}  // namespace

void FindTime(const std::string& machine, const MachineFacts& facts, v1::Diagnosis& diagnosis) {
  Findings findings("time", diagnosis);
  const std::string folder = machine + "/sys/devices/system/clocksource/clocksource0";
  const absl::StatusOr<std::string> source = ReadSysfs(folder + "/current_clocksource");
  const std::string name = source.value_or("an unknown clock source");
  const std::string found = fmt::format("{}, {:.0f} ns for a read", name, 1e9 * facts.clock_read_s);
  if (facts.clock_resolution_s > kCoarseS) {
    findings.Limited(fmt::format("{}, in steps of {:.3g} ms: operators shorter than that have no "
                                 "length",
                                 found, 1e3 * facts.clock_resolution_s),
                     "boot a kernel with high resolution timers (CONFIG_HIGH_RES_TIMERS)");
  } else if (IsOneOf(kSlow, name) || (!IsOneOf(kFast, name) && facts.clock_read_s > kSlowReadS)) {
    findings.Limited(found + ": every operator is marked by two reads", MendFor(folder));
  } else {
    findings.Good(found);
  }
  findings.Good(facts.suspended_s >= 1
                    ? fmt::format("asleep for {:.0f} s since it was started; a run during which it "
                                  "sleeps is told",
                                  facts.suspended_s)
                    : std::string("never asleep since it was started"));
  findings.Good("stamps are CLOCK_MONOTONIC: no NTP is needed, wall time is for people only");
}

}  // namespace synergy
