#include "client/predict/table_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kText =
    "net,layer,kind,energy_mJ,M\n"
    "# a note\n"
    "alexnet,conv1,conv,12.5,105\n"
    "\n"
    "\"a, b\",fc6,fc,3,37\r\n";

std::string ErrorOf(std::string_view map, std::string_view text = kText) {
  const auto parsed = ParseColumnMap(map);
  if (!parsed.ok()) return std::string(parsed.status().message());
  return std::string(ReadFeatureTable(text, *parsed).status().message());
}

TEST(TableCsv, TakesColumnsByTheMapAndScalesThem) {
  const auto map =
      ParseColumnMap("energy=energy_mJ*1e-3, network=net,layer=layer,type=kind,macs=M*1e6");
  ASSERT_TRUE(map.ok()) << map.status();
  const auto table = ReadFeatureTable(kText, *map);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->networks, ElementsAre("alexnet", "a, b"));
  EXPECT_THAT(table->layers, ElementsAre("conv1", "fc6"));
  EXPECT_THAT(table->types, ElementsAre("conv", "fc"));
  EXPECT_THAT(table->energy_j, ElementsAre(0.0125, 0.003));
  EXPECT_THAT(*table->Find("macs"), ElementsAre(105e6, 37e6));
}

TEST(TableCsv, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("network=net"), HasSubstr("no column for energy"));
  EXPECT_THAT(ErrorOf("energy=energy_mj,network=net"),
              HasSubstr("the column 'energy_mj', which is not in the header (did you mean "
                        "'energy_mJ'?)"));
  EXPECT_THAT(ErrorOf("energy"), HasSubstr("'energy' maps nothing"));
  EXPECT_THAT(ErrorOf("energy=a,energy=b"), HasSubstr("mapped twice"));
  EXPECT_THAT(ErrorOf("energy=energy_mJ*x,network=net"), HasSubstr("the factor of energy"));
  EXPECT_THAT(ErrorOf("energy=kind,network=net"), HasSubstr("line 3: energy is 'conv'"));
  EXPECT_THAT(ErrorOf("energy=energy_mJ,network=net", "net,energy_mJ\na\n"),
              HasSubstr("line 2: the row has 1 fields"));
  EXPECT_THAT(ErrorOf("energy=a,network=b", ""), HasSubstr("the file is empty"));
}

// Two clocks of two networks.
constexpr std::string_view kRuns =
    "net,f,e,m,pass\n"
    "a,1,3,5,x\n"
    "a,2,4,5,y\n"
    "b,1,6,9,x\n"
    "b,2,8,9,y\n";

TEST(TableCsv, RunsOfDifferentNetworksAreDifferentRuns) {
  const auto table =
      ReadFeatureTable(kRuns, *ParseColumnMap("energy=e,network=net,run=pass,macs=m,frequency=f"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->runs, ElementsAre("a (x)", "a (y)", "b (x)", "b (y)"));
  EXPECT_THAT(table->ByRun().energy_j, ElementsAre(3, 4, 6, 8));
}

TEST(TableCsv, RunsThatNothingTellsApartAreNotAddedUp) {
  EXPECT_THAT(ErrorOf("energy=e,network=net,macs=m", kRuns),
              HasSubstr("the network 'a' is in several rows, which would be added up: map "
                        "run=COLUMN, which tells its runs apart, or layer=COLUMN"));
  EXPECT_THAT(ErrorOf("energy=e,network=net,layer=pass,frequency=f", kRuns),
              HasSubstr("'a' has rows of several frequencies"));
  EXPECT_THAT(ErrorOf("energy=e,network=net,layer=m", kRuns),
              HasSubstr("'a' has several rows of the layer '5'"));
  EXPECT_EQ(ErrorOf("energy=e,network=net,layer=pass", kRuns), "");
}

}  // namespace
}  // namespace synergy
