#include "client/store/truth_store.h"

#include <filesystem>

#include "client/store/store.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

v1::RunTruth Truth(double joules) {
  v1::RunTruth truth;
  truth.set_run_id("r");
  truth.add_rails("VDD_IN");
  truth.add_operators()->add_energy_j(joules);
  return truth;
}

TEST(TruthStore, KeepsTheTruthInAFileOfItsOwn) {
  const TempFolder folder;
  const std::string store = folder.File("store.db");
  auto truths = TruthStore::Open(store, StoreAccess::kWrite);
  ASSERT_TRUE(truths.ok()) << truths.status();
  ASSERT_TRUE((*truths)->Put("board", Truth(1)).ok());
  ASSERT_TRUE((*truths)->Put("board", Truth(2)).ok());
  EXPECT_EQ((*truths)->Get("board", "r")->operators(0).energy_j(0), 2);
  EXPECT_TRUE(absl::IsNotFound((*truths)->Get("other", "r").status()));
  EXPECT_TRUE(*(*truths)->Has("board", "r"));
  EXPECT_TRUE(std::filesystem::exists(TruthStore::PathBeside(store)));
  EXPECT_FALSE(std::filesystem::exists(store));
  ASSERT_TRUE((*truths)->Delete("board", "r").ok());
  EXPECT_FALSE(*(*truths)->Has("board", "r"));
}

TEST(TruthStore, IsNoStoreAndTheStoreIsNoTruth) {
  const TempFolder folder;
  const std::string store = folder.File("store.db");
  ASSERT_TRUE(Store::Open(store, StoreAccess::kWrite).ok());
  ASSERT_TRUE(TruthStore::Open(store, StoreAccess::kWrite).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Store::Open(TruthStore::PathBeside(store), StoreAccess::kWrite).status()));
}

}  // namespace
}  // namespace synergy
