#include "common/sysfs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Sysfs : public testing::Test {
 protected:
  std::string Attribute(const std::string& name, std::string_view text) {
    std::ofstream(folder_.File(name), std::ios::binary) << text;
    return folder_.File(name);
  }
  TempFolder folder_;
};

TEST_F(Sysfs, TextsComeWithoutTheirNewline) {
  EXPECT_EQ(*ReadSysfs(Attribute("governor", "schedutil\n")), "schedutil");
  EXPECT_EQ(*ReadSysfs(Attribute("frequencies", "102000 204000 \n")), "102000 204000");
  EXPECT_EQ(*ReadSysfs(Attribute("empty", "")), "");
  EXPECT_EQ(*ReadSysfs(Attribute("of_node", std::string_view("nvidia,tegra210\0", 16))),
            "nvidia,tegra210");
}

TEST_F(Sysfs, IntegersAreDecimalOrHexadecimalAndNothingElse) {
  EXPECT_EQ(*ReadSysfsInteger(Attribute("a", "-1500000\n")), -1500000);
  EXPECT_EQ(*ReadSysfsInteger(Attribute("b", "0x1f\n")), 31);
  EXPECT_EQ(*ReadSysfsInteger(Attribute("c", "9223372036854775807\n")),
            std::numeric_limits<int64_t>::max());
  for (const char* text : {"", "12 mW", "9223372036854775808", "<unsupported>", "0x", "1.5"}) {
    const auto value = ReadSysfsInteger(Attribute("d", text));
    EXPECT_EQ(value.status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST_F(Sysfs, AnAttributeIsReadAgainWithoutBeingOpenedAgain) {
  const std::string path = Attribute("curr1_input", "100\n");
  const auto attribute = SysfsAttribute::Open(path);
  ASSERT_TRUE(attribute.ok()) << attribute.status();
  EXPECT_EQ(*attribute->ReadInteger(), 100);
  Attribute("curr1_input", "90\n");
  EXPECT_EQ(*attribute->ReadInteger(), 90);
}

TEST_F(Sysfs, WhatIsWrittenReplacesAllThatWasThere) {
  const std::string path = Attribute("scaling_governor", "performance\n");
  ASSERT_TRUE(WriteSysfs(path, "userspace").ok());
  EXPECT_EQ(*ReadSysfs(path), "userspace");
}

TEST_F(Sysfs, WritingNeverMakesAFile) {
  EXPECT_EQ(WriteSysfs(folder_.File("x"), "1").code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("x")));
}

TEST_F(Sysfs, NamesAreSortedByTheirNumbers) {
  for (const char* name : {"hwmon10", "hwmon2", "hwmon1", "cpu"}) {
    std::filesystem::create_directory(folder_.File(name));
  }
  EXPECT_THAT(ListSysfs(folder_.path()), ElementsAre("cpu", "hwmon1", "hwmon2", "hwmon10"));
  EXPECT_TRUE(ListSysfs(folder_.File("none")).empty());
}

TEST_F(Sysfs, ErrorsSayWhatTheHardwareDid) {
  using enum absl::StatusCode;
  EXPECT_EQ(SysfsError("Reading", "/sys/x", ETIMEDOUT).code(), kUnavailable);
  EXPECT_EQ(SysfsError("Reading", "/sys/x", EIO).code(), kUnavailable);
  EXPECT_EQ(SysfsError("Reading", "/sys/x", ENODATA).code(), kUnavailable);
  EXPECT_EQ(SysfsError("Reading", "/sys/x", ENODEV).code(), kNotFound);
  EXPECT_EQ(SysfsError("Writing", "/sys/x", EINVAL).code(), kInvalidArgument);
  EXPECT_EQ(SysfsError("Writing", "/sys/x", EACCES).code(), kPermissionDenied);
  EXPECT_EQ(SysfsError("Writing", "/sys/x", EFBIG).code(), kInternal);
  EXPECT_THAT(SysfsError("Reading", "/sys/x", ENODEV).ToString(),
              HasSubstr("Reading /sys/x: its device or driver is gone (ENODEV)"));
}

}  // namespace
}  // namespace synergy
