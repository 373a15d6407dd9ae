#include "client/net/pairings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/files.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PairingsTest : public ::testing::Test {
 protected:
  PairingsTest() { setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1); }
  ~PairingsTest() override { unsetenv("XDG_CONFIG_HOME"); }

  static v1::PairedBoard Board(const std::string& id, const std::string& host,
                               const std::string& authority) {
    v1::PairedBoard board;
    board.set_board_id(id);
    board.add_hosts(host);
    board.set_authority_pem(authority);
    return board;
  }

 private:
  TempFolder folder_;
};

TEST_F(PairingsTest, ABoardThatIsPairedAgainKeepsTheNamesThatItHad) {
  ASSERT_TRUE(StorePairing(Board("tx1", "tx1.local:7741", "ours")).ok());
  ASSERT_TRUE(StorePairing(Board("tx1", "10.0.0.7:7741", "ours")).ok());
  const auto boards = ReadPairings();
  ASSERT_TRUE(boards.ok());
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_THAT(boards->front().hosts(), ElementsAre("10.0.0.7:7741", "tx1.local:7741"));
}

TEST_F(PairingsTest, AnotherBoardDoesNotTakeThePlaceOfOneByItsId) {
  ASSERT_TRUE(StorePairing(Board("tx1", "tx1.local:7741", "ours")).ok());
  const absl::Status stored = StorePairing(Board("tx1", "evil.local:7741", "theirs"));
  EXPECT_TRUE(absl::IsFailedPrecondition(stored)) << stored;
  EXPECT_THAT(std::string(stored.message()), HasSubstr("synergyctl unpair tx1"));
  const auto boards = ReadPairings();
  ASSERT_TRUE(boards.ok());
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_EQ(boards->front().authority_pem(), "ours");
  EXPECT_THAT(boards->front().hosts(), ElementsAre("tx1.local:7741"));
}

TEST_F(PairingsTest, WhetherAPairingCanBeStoredIsKnownBeforeACodeIsSpent) {
  ASSERT_TRUE(StorePairing(Board("tx1", "tx1.local:7741", "ours")).ok());
  EXPECT_TRUE(CheckPairingsFolder().ok());
  const std::string folder = *PairingsFolder();
  EXPECT_EQ(ReadPairings()->size(), 1u) << "nothing is left of the trial";
  ASSERT_TRUE(ReplaceFile(folder + "/tx1", "board_id {", Sync::kNo).ok());
  EXPECT_EQ(CheckPairingsFolder().code(), absl::StatusCode::kDataLoss);
  setenv("XDG_CONFIG_HOME", (folder + "/tx1").c_str(), 1);
  EXPECT_FALSE(CheckPairingsFolder().ok()) << "a file is no folder";
}

TEST_F(PairingsTest, ANewPairingIsRefusedBeforehandOnAFullDisk) {
  SmallDisk disk(64 << 10);
  if (!disk.mounted()) GTEST_SKIP() << "only root can mount a disk";
  setenv("XDG_CONFIG_HOME", disk.path().c_str(), 1);
  EXPECT_TRUE(CheckPairingsFolder().ok());
  disk.FillUpTo(0);
  EXPECT_THAT(CheckPairingsFolder().ToString(), HasSubstr("no space left"));
}

TEST_F(PairingsTest, AHostIsThatOfTheBoardThatWasPairedThereLast) {
  ASSERT_TRUE(StorePairing(Board("old", "tx1.local:7741", "ours")).ok());
  ASSERT_TRUE(StorePairing(Board("new", "tx1.local:7741", "theirs")).ok());
  const auto boards = ReadPairings();
  ASSERT_TRUE(boards.ok());
  const v1::PairedBoard* named = PairingNamed(*boards, "tx1.local:7741");
  ASSERT_NE(named, nullptr);
  EXPECT_EQ(named->board_id(), "new");
}

}  // namespace
}  // namespace synergy
