#include "daemon/jobs/engine_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EngineListTest : public testing::Test {
 protected:
  EngineListTest() {
    for (const char* name : {"a", "broken"}) Install(name);
  }
  void Install(const std::string& name) {
    const std::string path = EnginePath(folder_.path(), name);
    std::ofstream(path).close();
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }
  // The names of those that can be used.
  std::vector<std::string> Usable(const std::string& wanted, bool idle = true) {
    std::vector<std::string> names;
    for (const InstalledEngine& engine : list_.For(wanted, idle)) {
      if (engine.unusable.empty()) names.push_back(engine.name);
    }
    return names;
  }

  TempFolder folder_;
  std::vector<std::string> asked_;
  std::string unusable_;
  EngineList list_{{{.name = "a"}, {.name = "broken", .unusable = "it crashed"}},
                   folder_.path(),
                   [this](const std::string& name) {
                     asked_.push_back(name);
                     return InstalledEngine{.name = name, .unusable = unusable_};
                   }};
};

TEST_F(EngineListTest, OneThatCanBeUsedIsNotAskedAgain) {
  EXPECT_THAT(Usable("a"), ElementsAre("a"));
  EXPECT_THAT(asked_, IsEmpty());
}

// A broken engine could not be used until synergyd was started again.
TEST_F(EngineListTest, OneThatWasPutRightCanBeUsed) {
  unusable_ = "it crashed";
  EXPECT_THAT(Usable("broken"), ElementsAre("a"));
  unusable_ = "";
  EXPECT_THAT(Usable("broken"), ElementsAre("a", "broken"));
  EXPECT_THAT(Usable("broken"), ElementsAre("a", "broken"));
  EXPECT_THAT(asked_, ElementsAre("broken", "broken")) << "asked though it can be used";
}

TEST_F(EngineListTest, OneThatWasInstalledLaterCanBeUsed) {
  EXPECT_THAT(Usable("b"), ElementsAre("a"));
  EXPECT_THAT(asked_, IsEmpty()) << "it is not installed";
  Install("b");
  EXPECT_THAT(Usable("b"), ElementsAre("a", "b"));
}

TEST_F(EngineListTest, NothingIsStartedWhileAJobRuns) {
  Install("b");
  EXPECT_THAT(Usable("b", false), ElementsAre("a"));
  EXPECT_THAT(Usable("broken", false), ElementsAre("a"));
  EXPECT_EQ(list_.For("broken", false).at(1).unusable,
            "it crashed; it is asked again when no job runs");
  EXPECT_EQ(list_.For("b", false).at(1).unusable,
            "it was not there when synergyd started; it is asked again when no job runs");
  EXPECT_THAT(asked_, IsEmpty());
}

// A job for it was taken, and failed when it ran.
TEST_F(EngineListTest, OneThatWasRemovedCannotBeUsedUntilItIsPutBack) {
  std::filesystem::remove(EnginePath(folder_.path(), "a"));
  EXPECT_THAT(Usable("a"), IsEmpty());
  EXPECT_EQ(list_.For("a", true).at(0).unusable, "its program was removed from " + folder_.path());
  EXPECT_THAT(asked_, IsEmpty());
  Install("a");
  EXPECT_THAT(Usable("a", false), IsEmpty());
  EXPECT_THAT(Usable("a"), ElementsAre("a"));
  EXPECT_THAT(asked_, ElementsAre("a"));
}

TEST_F(EngineListTest, ALookStartsNothingAndSeesWhatIsGone) {
  EXPECT_FALSE(list_.IsToBeAsked("a"));
  EXPECT_TRUE(list_.IsToBeAsked("broken"));
  EXPECT_FALSE(list_.IsToBeAsked("b"));
  Install("b");
  EXPECT_TRUE(list_.IsToBeAsked("b"));
  std::filesystem::remove(EnginePath(folder_.path(), "a"));
  const std::vector<InstalledEngine> known = list_.Known();
  ASSERT_EQ(known.size(), 2u);
  EXPECT_NE(known[0].unusable, "");
  EXPECT_EQ(known[1].unusable, "it crashed");
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(EngineListTest, APathIsNoName) {
  EXPECT_THAT(Usable("../a"), ElementsAre("a"));
  EXPECT_THAT(asked_, IsEmpty());
}

}  // namespace
}  // namespace synergy
