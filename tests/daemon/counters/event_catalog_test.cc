#include "daemon/counters/event_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

class EventCatalogTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = folder_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void WriteUnit(const std::string& unit, const std::string& type, const std::string& cpus) {
    const std::string path = "/sys/bus/event_source/devices/" + unit;
    Write(path + "/type", type);
    if (!cpus.empty()) Write(path + "/cpus", cpus);
    Write(path + "/format/event", "config:0-15");
    Write(path + "/format/umask", "config:16-19,24");
    Write(path + "/events/bus_access", "event=0x19");
    Write(path + "/events/odd", "event=0x1,umask=0x1f");
    Write(path + "/events/odd.unit", "Joules");
  }
  void WriteCores(std::initializer_list<const char*> parts) {
    std::string text;
    int number = 0;
    for (const char* part : parts) {
      text += "processor\t: " + std::to_string(number++);
      text += std::string("\nCPU implementer\t: 0x41\nCPU part\t: ") + part + "\n\n";
    }
    Write("/proc/cpuinfo", text);
  }
  EventCatalog Read(const std::vector<int>& cpus) {
    return EventCatalog::Read(folder_.path(), cpus).value();
  }

  TempFolder folder_;
};

TEST_F(EventCatalogTest, GenericNamesAreTheCoresOfTheJob) {
  WriteUnit("armv8_cortex_a53", "8", "0-1");
  WriteUnit("armv8_cortex_a72", "9", "2-3");
  WriteCores({"0xd03", "0xd03", "0xd08", "0xd08"});
  const auto simd = Read({2, 3}).Find("simd");
  ASSERT_TRUE(simd.ok()) << simd.status();
  EXPECT_EQ(simd->unit, "armv8_cortex_a72");
  EXPECT_EQ(simd->code, (EventCode{.type = 9, .config = 0x74}));
  EXPECT_TRUE(absl::IsNotFound(Read({0}).Find("simd").status()));
}

TEST_F(EventCatalogTest, CoresOfSeveralKindsAreRefused) {
  WriteUnit("armv8_cortex_a53", "8", "0-1");
  WriteUnit("armv8_cortex_a72", "9", "2-3");
  const auto catalog = EventCatalog::Read(folder_.path(), {1, 2});
  EXPECT_TRUE(absl::IsFailedPrecondition(catalog.status()));
  EXPECT_THAT(catalog.status().ToString(), HasSubstr("give it CPUs of one kind with --cpus"));
}

TEST_F(EventCatalogTest, NamesOfTheKernelArePutIntoTheirFields) {
  WriteUnit("armv8_pmuv3", "8", "0");
  WriteUnit("ddr_pmu", "12", "");
  const EventCatalog catalog = Read({0});
  EXPECT_EQ(catalog.Find("bus_access")->code, (EventCode{.type = 8, .config = 0x19}));
  EXPECT_EQ(catalog.Find("odd")->code.config, 0x10f0001u) << "bits 0 to 3, then 24";
  const auto of_unit = catalog.Find("ddr_pmu/bus_access/");
  ASSERT_TRUE(of_unit.ok()) << of_unit.status();
  EXPECT_EQ(of_unit->code.type, 12u);
  EXPECT_EQ(of_unit->unit, "ddr_pmu");
}

TEST_F(EventCatalogTest, ACommonEventThatTheKernelDoesNotNameIsNotThere) {
  WriteUnit("armv8_pmuv3", "8", "0");
  WriteCores({"0xd07"});
  EXPECT_TRUE(Read({0}).Find("bus").ok());
  EXPECT_TRUE(Read({0}).Find("simd").ok()) << "beyond what the kernel is told of";
  const absl::Status none = Read({0}).Find("instructions").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(none));
  EXPECT_THAT(none.ToString(),
              HasSubstr("instructions cannot be counted: this processor has no such counter"));
}

TEST_F(EventCatalogTest, RawCodesAreTheCoresAndWithoutAUnitThoseOfTheKernel) {
  EXPECT_EQ(Read({0}).Find("r1b")->code, (EventCode{.type = PERF_TYPE_RAW, .config = 0x1b}));
  WriteUnit("armv8_pmuv3", "8", "0");
  EXPECT_EQ(Read({0}).Find("r1b")->code, (EventCode{.type = 8, .config = 0x1b}));
}

TEST_F(EventCatalogTest, ProgramsReadCountersOfArmThemselvesWhereTheyMay) {
  WriteUnit("armv8_pmuv3", "8", "0");
  Write("/sys/bus/event_source/devices/armv8_pmuv3/format/rdpmc", "config1:1");
  Write("/proc/sys/kernel/perf_user_access", "0");
  EXPECT_EQ(Read({0}).Find("r1b")->code.config1, 0u);
  Write("/proc/sys/kernel/perf_user_access", "1");
  EXPECT_EQ(Read({0}).Find("r1b")->code.config1, 2u);
  EXPECT_EQ(Read({0}).Find("task-clock")->code.config1, 0u);
}

TEST_F(EventCatalogTest, AnUnknownNameIsAnsweredWithThoseThatAreThere) {
  WriteUnit("armv8_pmuv3", "8", "0");
  WriteUnit("ddr_pmu", "12", "");
  WriteCores({"0xd07"});
  const std::string text = Read({0}).Find("simt").status().ToString();
  EXPECT_THAT(text, HasSubstr("no event simt can be counted here; did you mean simd?"));
  EXPECT_THAT(text, HasSubstr("bus_access"));
  EXPECT_THAT(text, HasSubstr("ddr_pmu/odd/"));
  EXPECT_THAT(text, testing::Not(HasSubstr("odd.unit")));
  EXPECT_THAT(text, HasSubstr("raw codes of the processor (r74)"));
}

TEST_F(EventCatalogTest, AFormatThatIsNoneIsAnError) {
  WriteUnit("armv8_pmuv3", "8", "0");
  const std::string unit = "/sys/bus/event_source/devices/armv8_pmuv3";
  Write(unit + "/events/wide", "event=0x10000");
  Write(unit + "/events/strange", "color=1");
  for (const char* name : {"wide", "strange"}) EXPECT_FALSE(Read({0}).Find(name).ok()) << name;
}

}  // namespace
}  // namespace synergy
