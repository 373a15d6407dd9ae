#include "daemon/clocks/restore_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/files.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;

JournalContents Example() {
  JournalContents contents;
  contents.boot_id = "6d1c2a5e-7d0c-4a0e-9a55-0a1b2c3d4e5f";
  contents.holder = "job 20250101-1";
  contents.state = JournalContents::State::kHeld;
  contents.items.push_back({.path = "/sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq",
                            .original = "102000",
                            .asked = "1224000",
                            .settled = "1224000"});
  contents.items.push_back({.path = "/sys/devices/system/cpu/cpufreq/policy0/scaling_setspeed",
                            .original = "<unsupported>",
                            .foreign = true});
  contents.items.push_back({.kind = JournalItem::Kind::kDriver,
                            .path = "/sys/devices/i2c-1/1-0040",
                            .original = "/sys/bus/i2c/drivers/ina3221",
                            .asked = "",
                            .settled = ""});
  contents.items.push_back({.path = "/sys/kernel/debug/clk/override.emc/clk_update_rate",
                            .read_path = "/sys/kernel/debug/clk/override.emc/clk_rate",
                            .original = "a \"quoted\"\nline",
                            .asked = "1600000000",
                            .momentary = true});
  return contents;
}

class RestoreJournalTest : public testing::Test {
 protected:
  RestoreJournal Open() {
    absl::StatusOr<RestoreJournal> journal = RestoreJournal::Open(path_);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *std::move(journal);
  }
  TempFolder folder_;
  const std::string path_ = folder_.File("leases/clocks.journal");
};

TEST_F(RestoreJournalTest, WhatIsWrittenIsReadBack) {
  RestoreJournal journal = Open();
  EXPECT_EQ(*journal.Read(), std::nullopt);
  ASSERT_TRUE(journal.Write(Example()).ok());
  EXPECT_EQ(**journal.Read(), Example());
  ASSERT_TRUE(journal.Remove().ok());
  EXPECT_EQ(*journal.Read(), std::nullopt);
  EXPECT_TRUE(journal.Remove().ok());
}

TEST_F(RestoreJournalTest, PeopleCanReadIt) {
  const std::string text = FormatJournal(Example());
  EXPECT_THAT(text, HasSubstr("synergy-restore-journal 1 crc32c="));
  EXPECT_THAT(text, HasSubstr("\"original\": \"102000\""));
  EXPECT_THAT(text, HasSubstr("\"holder\": \"job 20250101-1\""));
}

TEST_F(RestoreJournalTest, EveryDamagedByteIsFound) {
  const std::string good = FormatJournal(Example());
  ASSERT_TRUE(ParseJournal(good, "it").ok());
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char flip : {'\x01', '\x10', '\x20'}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      EXPECT_TRUE(absl::IsDataLoss(ParseJournal(bad, "it").status())) << "byte " << i;
    }
    EXPECT_TRUE(absl::IsDataLoss(ParseJournal(good.substr(0, i), "it").status())) << i << " bytes";
  }
}

TEST_F(RestoreJournalTest, ADamagedFileSaysWhereItIs) {
  RestoreJournal journal = Open();
  std::ofstream(path_) << "synergy-restore-journal 1 crc32c=00000000\n{}\n";
  EXPECT_TRUE(absl::IsDataLoss(journal.Read().status()));
  EXPECT_THAT(journal.Read().status().ToString(), HasSubstr(path_));
  std::ofstream(path_) << std::string(5 << 20, ' ');
  EXPECT_TRUE(absl::IsDataLoss(journal.Read().status()));
}

TEST_F(RestoreJournalTest, OneAtATimeHoldsIt) {
  {
    const RestoreJournal journal = Open();
    const absl::Status second = RestoreJournal::Open(path_).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(second));
    EXPECT_THAT(second.ToString(), HasSubstr("Somebody else holds the lease"));
  }
  Open();
}

TEST_F(RestoreJournalTest, ArchivesDoNotOverwriteEachOther) {
  RestoreJournal journal = Open();
  for (const char* name : {"damaged", "damaged-2", "damaged-3"}) {
    ASSERT_TRUE(journal.Write(Example()).ok());
    EXPECT_EQ(*journal.Archive("damaged"), path_ + "." + name);
    EXPECT_EQ(*journal.Read(), std::nullopt);
  }
  EXPECT_EQ(*ReadFile(path_ + ".damaged-3", 1 << 20), FormatJournal(Example()));
}

}  // namespace
}  // namespace synergy
