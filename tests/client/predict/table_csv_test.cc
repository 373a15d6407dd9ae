#include "client/predict/table_csv.h"

#include <fmt/format.h>
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

TEST(TableCsv, RefusesValuesThatCannotBe) {
  struct Case {
    std::string_view what, value, words;
  };
  for (const Case& c : {
           Case{"network", "", "network (column 'network') is empty"},
           {"energy", "0", "energy (column 'energy') is 0; it must be in J, above 0"},
           {"energy", "-1", "is -1; it must be in J"},
           {"energy", "1e308", "is 1e+308; it must be in J"},
           {"energy", "1e-300", "is 1e-300; it must be in J"},
           {"energy", "nan", "energy is 'nan', which is no decimal number"},
           {"energy_sd", "-0.1", "energy_sd (column 'energy_sd') is -0.1; it must be in J, from 0"},
           {"time", "-1", "it must be in s, from 0"},
           {"frequency", "0", "it must be in GHz, from 0.001 to 100"},
           {"frequency", "-1", "it must be in GHz"},
           {"frequency", "1.2e9", "it must be in GHz"},
           {"temperature", "-300", "it must be in degrees Celsius"},
           {"macs", "-5", "macs (column 'macs') is -5; it must be from 0 to 1e18"},
           {"macs", "1e308", "it must be from 0 to 1e18"},
           {"kernel", "-1", "it must be from 0 to 1e18"},
           {"llc_misses", "-1", "it must be from 0 to 1e18"},
       }) {
    std::string header = "network,energy", map = "network=network,energy=energy";
    std::string row = fmt::format("{},{}", c.what == "network" ? c.value : "a",
                                  c.what == "energy" ? c.value : "1");
    if (c.what != "network" && c.what != "energy") {
      header += fmt::format(",{}", c.what);
      map += fmt::format(",{}={}", c.what, c.what);
      row += fmt::format(",{}", c.value);
    }
    const std::string error = ErrorOf(map, header + "\n" + row + "\n");
    EXPECT_THAT(error, HasSubstr("line 2: ")) << c.what;
    EXPECT_THAT(error, HasSubstr(std::string(c.words)));
  }
}

TEST(TableCsv, LooksAtValuesAsTheyAreScaled) {
  EXPECT_EQ(ErrorOf("energy=e,network=n,frequency=hz*1e-9", "n,e,hz\na,1,1.2e9\n"), "");
  EXPECT_THAT(ErrorOf("energy=e*-1,network=n", "n,e\na,1\n"),
              HasSubstr("line 2: energy (column 'e') is -1"));
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

// As of runs: groups of one input channel each.
TEST(TableCsv, ConvolutionsOfOneChannelAGroupAreDepthwise) {
  const auto table = ReadFeatureTable(
      "n,l,t,e,g,c\na,1,conv,1,32,1\na,2,conv,1,32,4\na,3,conv,1,1,1\na,4,pool,1,32,1\n",
      *ParseColumnMap("energy=e,network=n,layer=l,type=t,groups=g,channels=c"));
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(ClassesOf(table->types), ElementsAre(OpClass::kDepthwise, OpClass::kConvolution,
                                                   OpClass::kConvolution, OpClass::kPooling));
}

}  // namespace
}  // namespace synergy
