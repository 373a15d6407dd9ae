// Which number of its performance unit means a generic event on a processor. Pure.
//
// Sources: Arm Cortex-A53, A57, A72, A76 and A78 Technical Reference Manuals, "PMU events"; Intel
// Software Developer's Manual vol. 3B ch. 20 and its event files (perfmon); AMD Processor
// Programming References of families 17h and 19h; Linux uapi/linux/perf_event.h for those that the
// kernel itself maps. Kryo has the common events of the architecture, as its kernel's driver maps
// them (perf_event_kryo.c and soc/qcom/perf_event_kryo.h, The Linux Foundation, 2015, in kernels
// for the MSM8996); its own are raw numbers 1RCCG of that driver, whose meaning is not published.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synergy {

// What perf_event_open(2) is asked for.
struct EventCode {
  uint32_t type = 0;
  uint64_t config = 0, config1 = 0, config2 = 0;
  bool in_kernel = false;  // happens there: counted there, too
  friend bool operator==(const EventCode&, const EventCode&) = default;
};

// A core, as /proc/cpuinfo describes it. Arm: implementer, a byte, and part of MIDR_EL1; x86: one
// of the two below, whose parts are family << 8 | model.
struct CpuKind {
  uint32_t implementer = 0;  // 0: not known
  uint32_t part = 0;
  friend bool operator==(const CpuKind&, const CpuKind&) = default;
};
inline constexpr uint32_t kIntel = 0x100, kAmd = 0x101;
inline bool IsArm(const CpuKind& cpu) { return cpu.implementer != 0 && cpu.implementer < kIntel; }

// Of the CPU with that number; what the text does not say is 0.
CpuKind ParseCpuKind(std::string_view cpuinfo, int cpu);

// The code of a generic event on the core's unit, which has that type (PERF_TYPE_RAW where sysfs
// does not name it); nothing where the core has none, or nobody knows it.
std::optional<EventCode> GenericEvent(std::string_view name, const CpuKind& cpu,
                                      uint32_t core_type);
// Those that the core has.
std::vector<std::string> GenericEventNames(const CpuKind& cpu);

// "config=0x74", as perf's command line takes it.
std::string DescribeCode(const EventCode& code);

// "r74": a raw code of the core's unit, hexadecimal; nothing where it is none.
std::optional<EventCode> RawEvent(std::string_view name, uint32_t core_type);

}  // namespace synergy
