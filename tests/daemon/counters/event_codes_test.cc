#include "daemon/counters/event_codes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

namespace synergy {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Not;

constexpr CpuKind kA57{0x41, 0xd07}, kA53{0x41, 0xd03}, kA76{0x41, 0xd0b}, kKryo{0x51, 0x211};
constexpr CpuKind kSapphireRapids{kIntel, 0x68f}, kZen3{kAmd, 0x1921};
constexpr uint32_t kCoreType = 8;

uint64_t Config(std::string_view name, const CpuKind& cpu) {
  const auto event = GenericEvent(name, cpu, kCoreType);
  EXPECT_TRUE(event.has_value()) << name;
  if (!event) return 0;
  EXPECT_THAT(event->type, AnyOf(uint32_t{PERF_TYPE_HARDWARE}, kCoreType)) << name;
  return event->config;
}

TEST(EventCodes, CortexA57HasWhatItsManualSays) {
  EXPECT_EQ(Config("simd", kA57), 0x74u);
  EXPECT_EQ(Config("vfp", kA57), 0x75u);
  EXPECT_EQ(Config("bus", kA57), 0x19u);
  EXPECT_EQ(Config("mem", kA57), 0x13u);
  EXPECT_EQ(Config("llc-miss", kA57), 0x17u) << "its L2 is the last";
  EXPECT_EQ(Config("cycles", kA57), 0x11u);
}

TEST(EventCodes, KryoHasTheArchitecturesEventsAndItsOwnAsRawCodes) {
  for (const auto& [name, code] : {std::pair("cycles", 0x11), std::pair("instructions", 0x08),
                                   std::pair("branch-misses", 0x10), std::pair("mem", 0x13),
                                   std::pair("bus", 0x19), std::pair("llc-miss", 0x17)}) {
    EXPECT_EQ(GenericEvent(name, kKryo, 7)->config, static_cast<uint64_t>(code)) << name;
  }
  const auto own = RawEvent("r12453", 7);  // register 2, code 0x45, group 3
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->config, 0x12453u);
}

TEST(EventCodes, CortexA53AndKryoHaveNoEventOfSimd) {
  for (const CpuKind& cpu : {kA53, kKryo}) {
    EXPECT_FALSE(GenericEvent("simd", cpu, kCoreType).has_value());
    EXPECT_THAT(GenericEventNames(cpu), Not(Contains("simd")));
    EXPECT_EQ(Config("bus", cpu), 0x19u) << "which the architecture has";
  }
}

TEST(EventCodes, CoresWithAnL3CountItsMisses) { EXPECT_EQ(Config("llc-miss", kA76), 0x37u); }

TEST(EventCodes, X86CountsFloatingPointByWidth) {
  EXPECT_EQ(Config("simd-256", kSapphireRapids), 0x30c7u);
  EXPECT_EQ(Config("simd", kSapphireRapids), 0xfcc7u);
  EXPECT_EQ(Config("llc-miss", kSapphireRapids), 0x412eu);
  EXPECT_EQ(Config("simd", kZen3), 0x0f03u);
  EXPECT_EQ(Config("llc-miss", kZen3), 0x4844u);
  EXPECT_EQ(Config("cycles", kZen3), uint64_t{PERF_COUNT_HW_CPU_CYCLES});
}

TEST(EventCodes, AnUnknownCpuHasWhatTheKernelMaps) {
  EXPECT_THAT(GenericEventNames({}), Contains("cycles"));
  EXPECT_FALSE(GenericEvent("simd", {}, kCoreType).has_value());
  EXPECT_EQ(GenericEvent("task-clock", {}, kCoreType)->type, uint32_t{PERF_TYPE_SOFTWARE});
}

TEST(EventCodes, EveryNameOfACpuHasACode) {
  for (const CpuKind& cpu : {kA57, kA53, kA76, kKryo, kSapphireRapids, kZen3, CpuKind{}}) {
    for (const std::string& name : GenericEventNames(cpu)) {
      EXPECT_TRUE(GenericEvent(name, cpu, kCoreType).has_value()) << name;
    }
  }
}

TEST(EventCodes, RawCodesAreHexadecimal) {
  EXPECT_EQ(RawEvent("r74", kCoreType), (EventCode{.type = kCoreType, .config = 0x74}));
  EXPECT_EQ(RawEvent("rC0C7", kCoreType)->config, 0xc0c7u);
  for (const char* name : {"r", "r0x74", "r7g", "74", "raw"}) {
    EXPECT_FALSE(RawEvent(name, kCoreType).has_value()) << name;
  }
}

TEST(EventCodes, ACoreIsFoundByItsNumber) {
  const std::string arm =
      "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\n\n"
      "processor\t: 4\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n";
  EXPECT_EQ(ParseCpuKind(arm, 0), kA53);
  EXPECT_EQ(ParseCpuKind(arm, 4), (CpuKind{0x41, 0xd08}));
  EXPECT_EQ(ParseCpuKind(arm, 1), CpuKind{});
  const std::string x86 =
      "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
      "model name\t: Intel(R) Xeon(R) Processor\n";
  EXPECT_EQ(ParseCpuKind(x86, 0), kSapphireRapids);
  EXPECT_EQ(ParseCpuKind("", 0), CpuKind{});
}

}  // namespace
}  // namespace synergy
