#include "common/clock_request.h"

#include <algorithm>
#include <charconv>

#include "common/frequency.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr size_t kMaxGovernorBytes = 64;    // CPUFREQ_NAME_LEN is 16
constexpr int64_t kMaxKhz = 1'000'000'000;  // as ParseFrequency has it
constexpr int kMaxCpus = 4096;

absl::Status NoCpuList(std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no list of CPUs: write it like 0-3 or 0,2-3", text));
}

// False where it is no number, or one that no CPU has.
bool ParseCpu(std::string_view text, uint32_t* cpu) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *cpu);
  return error == std::errc() && end == text.data() + text.size() && *cpu <= kMaxCpuNumber;
}

absl::Status CheckSpeed(const v1::ClockSpeed& speed, std::string_view of) {
  const bool known = speed.has_khz() ? speed.khz() > 0 && speed.khz() <= kMaxKhz
                                     : speed.extreme() == v1::ClockSpeed::EXTREME_MIN ||
                                           speed.extreme() == v1::ClockSpeed::EXTREME_MAX;
  if (known) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("clocks: the {}'s is neither a frequency of 1 kHz to 1 THz nor max nor min", of));
}

std::string DescribeSpeed(const v1::ClockSpeed& speed) {
  if (speed.has_khz()) return FormatFrequency({speed.khz()});
  return speed.extreme() == v1::ClockSpeed::EXTREME_MIN ? "min" : "max";
}

}  // namespace

absl::StatusOr<v1::ClockSpeed> ParseClockSpeed(std::string_view text) {
  v1::ClockSpeed speed;
  if (text == "max" || text == "min") {
    speed.set_extreme(text == "max" ? v1::ClockSpeed::EXTREME_MAX : v1::ClockSpeed::EXTREME_MIN);
    return speed;
  }
  const absl::StatusOr<Frequency> frequency = ParseFrequency(text);
  if (!frequency.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}, or max or min", std::string(frequency.status().message())));
  }
  speed.set_khz(frequency->khz);
  return speed;
}

absl::StatusOr<std::vector<uint32_t>> ParseCpuList(std::string_view text) {
  std::vector<uint32_t> cpus;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    const size_t dash = part.find('-');
    uint32_t first = 0, last = 0;
    if (!ParseCpu(part.substr(0, dash), &first)) return NoCpuList(text);
    last = first;
    if (dash != std::string_view::npos && !ParseCpu(part.substr(dash + 1), &last)) {
      return NoCpuList(text);
    }
    if (last < first) return NoCpuList(text);
    for (uint32_t cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (cpus.size() > kMaxCpus) return NoCpuList(text);
  }
  std::ranges::sort(cpus);
  cpus.erase(std::ranges::unique(cpus).begin(), cpus.end());
  return cpus;
}

std::string FormatCpuList(std::vector<uint32_t> cpus) {
  std::ranges::sort(cpus);
  std::vector<std::string> parts;
  for (size_t i = 0; i < cpus.size();) {
    size_t end = i + 1;
    while (end < cpus.size() && cpus[end] == cpus[end - 1] + 1) ++end;
    parts.push_back(end == i + 1 ? fmt::format("{}", cpus[i])
                                 : fmt::format("{}-{}", cpus[i], cpus[end - 1]));
    i = end;
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

bool AsksForNothing(const v1::ClockRequest& request) {
  return !request.has_cpu() && request.governor().empty() && !request.has_gpu() &&
         request.cpus().empty() && !request.has_memory() && !request.has_boost() &&
         !request.has_fan_percent();
}

absl::Status ValidateClockRequestUntrusted(const v1::ClockRequest& request) {
  if (AsksForNothing(request)) {
    return absl::InvalidArgumentError(
        "clocks: name a frequency of the CPU, the GPU or the memory, a governor, boost, a fan's "
        "speed or the CPUs that are on");
  }
  absl::Status status;
  if (request.has_cpu()) status = CheckSpeed(request.cpu(), "CPU");
  if (status.ok() && request.has_gpu()) status = CheckSpeed(request.gpu(), "GPU");
  if (status.ok() && request.has_memory()) status = CheckSpeed(request.memory(), "memory");
  if (!status.ok()) return status;
  if (request.fan_percent() > 100) {
    return absl::InvalidArgumentError(
        fmt::format("clocks: a fan at {} %: 0 to 100 can be", request.fan_percent()));
  }
  const std::string& governor = request.governor();
  if (governor.size() > kMaxGovernorBytes || Printable(governor, governor.size()) != governor) {
    return absl::InvalidArgumentError(fmt::format(
        "clocks: a governor's name has at most {} printable characters", kMaxGovernorBytes));
  }
  if (request.cpus_size() > kMaxCpus ||
      std::ranges::any_of(request.cpus(), [](uint32_t cpu) { return cpu > kMaxCpuNumber; })) {
    return absl::InvalidArgumentError(
        fmt::format("clocks: CPUs are numbered from 0 to {} at most", kMaxCpuNumber));
  }
  return absl::OkStatus();
}

std::string DescribeClockRequest(const v1::ClockRequest& request) {
  std::vector<std::string> parts;
  if (request.has_cpu()) parts.push_back("CPU " + DescribeSpeed(request.cpu()));
  if (!request.governor().empty()) parts.push_back("governor " + request.governor());
  if (request.has_gpu()) parts.push_back("GPU " + DescribeSpeed(request.gpu()));
  if (request.has_memory()) parts.push_back("memory " + DescribeSpeed(request.memory()));
  if (request.has_boost()) parts.push_back(request.boost() ? "boost on" : "boost off");
  if (request.has_fan_percent()) parts.push_back(fmt::format("fan {} %", request.fan_percent()));
  if (!request.cpus().empty()) {
    parts.push_back("CPUs " + FormatCpuList({request.cpus().begin(), request.cpus().end()}));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::vector<std::string> DescribeDifferences(const v1::ClockLease& lease) {
  std::vector<std::string> lines;
  for (const v1::ClockSetting& setting : lease.settings()) {
    if (setting.obtained() == setting.asked()) continue;
    lines.push_back(fmt::format("{} is {} instead of {}", setting.control(),
                                setting.obtained().empty() ? "unreadable" : setting.obtained(),
                                setting.asked()));
  }
  return lines;
}

}  // namespace synergy
