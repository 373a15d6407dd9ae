#include "common/nearest_name.h"

#include <gtest/gtest.h>

namespace synergy {
namespace {

const std::vector<std::string> kNames = {"squeezenet", "squeezenet1.1", "alexnet", "resnet50"};

TEST(NearestName, ForgivesAMissingLetter) {
  EXPECT_EQ(NearestName("sqeezenet", kNames), "squeezenet");
}

TEST(NearestName, CountsASwapAsOneEdit) {
  EXPECT_EQ(NearestName("ab", {"xb", "ba"}), "xb") << "the first of two at distance one";
  EXPECT_EQ(NearestName("abcd", {"axxd", "acbd"}), "acbd");
}

TEST(NearestName, IgnoresCase) { EXPECT_EQ(NearestName("ResNet-50", kNames), "resnet50"); }

TEST(NearestName, SuggestsNothingForWhatIsUnlikeEverything) {
  EXPECT_EQ(NearestName("vgg", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName("alexnet", {}), "");
}

TEST(NearestName, StaysQuickWithAnEndlessName) {
  EXPECT_EQ(NearestName(std::string(10'000'000, 'x'), kNames), "");
}

}  // namespace
}  // namespace synergy
