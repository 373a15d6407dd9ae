#include "daemon/counters/event_codes.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "fmt/format.h"

namespace synergy {
namespace {

struct Named {
  std::string_view name;
  uint64_t config;
};
struct Software {
  std::string_view name;
  uint64_t config;
  bool in_kernel;
};

constexpr Software kSoftware[] = {{"task-clock", PERF_COUNT_SW_TASK_CLOCK, false},
                                  {"page-faults", PERF_COUNT_SW_PAGE_FAULTS, false},
                                  {"minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN, false},
                                  {"major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ, false},
                                  {"context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES, true},
                                  {"cpu-migrations", PERF_COUNT_SW_CPU_MIGRATIONS, true}};

// What the kernel maps itself, on x86 to what these names say.
constexpr Named kHardware[] = {{"cycles", PERF_COUNT_HW_CPU_CYCLES},
                               {"instructions", PERF_COUNT_HW_INSTRUCTIONS},
                               {"branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
                               {"branch-misses", PERF_COUNT_HW_BRANCH_MISSES}};

// Common events of the Arm architecture (Arm ARM, D11.11): CPU_CYCLES, INST_RETIRED, BR_MIS_PRED,
// L1D_CACHE_REFILL, L2D_CACHE_REFILL, BUS_ACCESS, MEM_ACCESS.
constexpr Named kArm[] = {{"cycles", 0x11},   {"instructions", 0x08}, {"branch-misses", 0x10},
                          {"l1d-miss", 0x03}, {"l2-miss", 0x17},      {"llc-miss", 0x17},
                          {"bus", 0x19},      {"mem", 0x13}};
// ASE_SPEC and VFP_SPEC, which Cortex-A53 has not.
constexpr Named kArmSpeculative[] = {{"simd", 0x74}, {"vfp", 0x75}};
// LL_CACHE_MISS_RD: these cores have an L3 behind their L2.
constexpr Named kArmL3[] = {{"llc-miss", 0x37}};

// FP_ARITH_INST_RETIRED (C7H) by width, MEM_INST_RETIRED.ANY, LONGEST_LAT_CACHE.MISS. What leaves
// the last cache goes over the memory's bus.
constexpr Named kIntelCore[] = {{"simd", 0xfcc7},     {"simd-128", 0x0cc7}, {"simd-256", 0x30c7},
                                {"simd-512", 0xc0c7}, {"vfp", 0x03c7},      {"mem", 0x83d0}};
constexpr Named kIntelAny[] = {{"llc-miss", 0x412e}, {"bus", 0x412e}};
// FpRetSseAvxOps (its unit is a FLOP), LsDispatch, and fills of the data cache from any memory:
// LsRefillsFromSys in family 17h, LsAnyFillsFromSys in 19h.
constexpr Named kAmdZen[] = {{"simd", 0x0f03}, {"mem", 0x0729}};
constexpr Named kAmd17[] = {{"llc-miss", 0x4843}, {"bus", 0x4843}};
constexpr Named kAmd19[] = {{"llc-miss", 0x4844}, {"bus", 0x4844}};

constexpr uint32_t kArmLimited = 0x41;
constexpr std::array<uint32_t, 3> kWithSpeculative = {0xd07, 0xd08, 0xd09};  // A57, A72, A73
// A76, A77, A78, X1, A78AE, N1.
constexpr std::array<uint32_t, 6> kWithL3 = {0xd0b, 0xd0d, 0xd41, 0xd44, 0xd42, 0xd0c};
// Broadwell to Emerald Rapids and Granite Rapids: family 6, the large cores.
constexpr std::array<uint32_t, 28> kWithFpArith = {0x63d, 0x647, 0x64f, 0x656, 0x64e, 0x65e, 0x655,
                                                   0x68e, 0x69e, 0x6a5, 0x6a6, 0x67d, 0x67e, 0x66a,
                                                   0x66c, 0x68c, 0x68d, 0x6a7, 0x68f, 0x6cf, 0x697,
                                                   0x69a, 0x6b7, 0x6ba, 0x6bf, 0x6ad, 0x6ae, 0x666};

template <size_t N>
bool IsIn(const std::array<uint32_t, N>& parts, uint32_t part) {
  return std::ranges::find(parts, part) != parts.end();
}

// The tables of a core's unit; the first that has a name decides.
std::vector<std::span<const Named>> TablesOf(const CpuKind& cpu) {
  if (cpu.implementer == kIntel) {
    if (IsIn(kWithFpArith, cpu.part)) return {kIntelCore, kIntelAny};
    return {kIntelAny};
  }
  if (cpu.implementer == kAmd && cpu.part >> 8 == 0x17) return {kAmdZen, kAmd17};
  if (cpu.implementer == kAmd && cpu.part >> 8 == 0x19) return {kAmdZen, kAmd19};
  if (!IsArm(cpu)) return {};
  const bool ours = cpu.implementer == kArmLimited;
  if (ours && IsIn(kWithL3, cpu.part)) return {kArmL3, kArmSpeculative, kArm};
  if (ours && IsIn(kWithSpeculative, cpu.part)) return {kArmSpeculative, kArm};
  return {kArm};
}

std::string_view Field(std::string_view block, std::string_view key) {
  for (size_t at = 0; at < block.size();) {
    const size_t end = std::min(block.find('\n', at), block.size());
    const std::string_view line = block.substr(at, end - at);
    const size_t colon = line.find(':');
    if (line.starts_with(key) && colon != line.npos &&
        line.substr(key.size(), colon - key.size()).find_first_not_of(" \t") == line.npos) {
      const size_t value = line.find_first_not_of(" \t", colon + 1);
      return value == line.npos ? std::string_view() : line.substr(value);
    }
    at = end + 1;
  }
  return {};
}

uint32_t Number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

CpuKind ParseCpuKind(std::string_view cpuinfo, int cpu) {
  for (size_t at = 0; at < cpuinfo.size();) {
    const size_t end = std::min(cpuinfo.find("\n\n", at), cpuinfo.size());
    const std::string_view block = cpuinfo.substr(at, end - at);
    at = end + 2;
    const std::string_view number = Field(block, "processor");
    if (number.empty() || Number(number) != static_cast<uint32_t>(cpu)) continue;
    const std::string_view vendor = Field(block, "vendor_id");
    if (vendor == "GenuineIntel" || vendor == "AuthenticAMD") {
      return {.implementer = vendor == "GenuineIntel" ? kIntel : kAmd,
              .part = Number(Field(block, "cpu family")) << 8 | Number(Field(block, "model"))};
    }
    return {.implementer = Number(Field(block, "CPU implementer")),
            .part = Number(Field(block, "CPU part"))};
  }
  return {};
}

std::optional<EventCode> GenericEvent(std::string_view name, const CpuKind& cpu,
                                      uint32_t core_type) {
  for (const Software& event : kSoftware) {
    if (event.name != name) continue;
    return EventCode{
        .type = PERF_TYPE_SOFTWARE, .config = event.config, .in_kernel = event.in_kernel};
  }
  for (const std::span<const Named> table : TablesOf(cpu)) {
    for (const Named& event : table) {
      if (event.name == name) return EventCode{.type = core_type, .config = event.config};
    }
  }
  if (IsArm(cpu)) return std::nullopt;
  for (const Named& event : kHardware) {
    if (event.name == name) return EventCode{.type = PERF_TYPE_HARDWARE, .config = event.config};
  }
  return std::nullopt;
}

std::vector<std::string> GenericEventNames(const CpuKind& cpu) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.emplace_back(name);
  };
  if (!IsArm(cpu)) {
    for (const Named& event : kHardware) add(event.name);
  }
  for (const std::span<const Named> table : TablesOf(cpu)) {
    for (const Named& event : table) add(event.name);
  }
  for (const Software& event : kSoftware) add(event.name);
  return names;
}

std::string DescribeCode(const EventCode& code) {
  std::string text = fmt::format("config={:#x}", code.config);
  if (code.config1 != 0) text += fmt::format(",config1={:#x}", code.config1);
  if (code.config2 != 0) text += fmt::format(",config2={:#x}", code.config2);
  return text;
}

std::optional<EventCode> RawEvent(std::string_view name, uint32_t core_type) {
  EventCode code{.type = core_type};
  if (name.size() < 2 || name[0] != 'r') return std::nullopt;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + 1, end, code.config, 16);
  if (error != std::errc() || rest != end) return std::nullopt;
  return code;
}

}  // namespace synergy
