#include "client/models/zoo.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {

// Found by GoogleTest through the type's namespace.
void PrintTo(const ZooEntry& entry, std::ostream* out) { *out << entry.name; }

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ZooNetwork : public ::testing::TestWithParam<ZooEntry> {};

std::string TestName(const ::testing::TestParamInfo<ZooEntry>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooNetwork, ::testing::ValuesIn(Zoo()), TestName);

// A figure with a note counts something else, which the note tells.
TEST_P(ZooNetwork, HasThePublishedMacsWithin2Percent) {
  const Model model = GetParam().build(1, 1).value();
  for (const PublishedMacs& published : GetParam().published_macs) {
    if (!published.note.empty()) continue;
    EXPECT_NEAR(static_cast<double>(CountMacs(model, published.scope)), published.macs,
                kMacsTolerance * published.macs)
        << published.source;
  }
}

TEST_P(ZooNetwork, HasThePublishedParametersWithin1Percent) {
  const Model model = GetParam().build(1, 1).value();
  for (const PublishedParams& published : GetParam().published_params) {
    if (!published.note.empty()) continue;
    EXPECT_NEAR(static_cast<double>(model.total.params), published.params,
                kParamsTolerance * published.params)
        << published.source;
  }
}

TEST_P(ZooNetwork, SaysWhatItIsAndWhoPublishedWhat) {
  const ZooEntry& entry = GetParam();
  EXPECT_FALSE(entry.paper.empty());
  EXPECT_FALSE(entry.variant.empty());
  EXPECT_FALSE(entry.published_macs.empty() && entry.published_params.empty());
  for (const PublishedMacs& published : entry.published_macs) {
    EXPECT_GT(published.macs, 0);
    EXPECT_FALSE(published.source.empty());
  }
  for (const PublishedParams& published : entry.published_params) {
    EXPECT_GT(published.params, 0);
    EXPECT_FALSE(published.source.empty());
  }
  if (!entry.published_accuracy) return;
  EXPECT_FALSE(entry.published_accuracy->source.empty());
  for (const auto& percent :
       {entry.published_accuracy->top1_percent, entry.published_accuracy->top5_percent}) {
    EXPECT_GT(percent.value_or(50), 40);  // not a fraction
    EXPECT_LT(percent.value_or(50), 100);
  }
}

TEST_P(ZooNetwork, TakesThePublishedInputAndEndsInASoftmaxOfItsClasses) {
  const Model model = GetParam().build(2, 1).value();
  EXPECT_EQ(model.name, GetParam().name);
  EXPECT_EQ(model.inputs[0].dims[0], 2);
  EXPECT_EQ(std::vector<int64_t>(model.inputs[0].dims.begin() + 1, model.inputs[0].dims.end()),
            GetParam().input);
  const Layer& last = model.layers.back();
  EXPECT_EQ(last.type, "Softmax");
  EXPECT_EQ(last.outputs[0].blob, model.outputs[0]);
  EXPECT_EQ(last.outputs[0].dims[0], 2);
  const std::map<std::string_view, int64_t> classes = {
      {"all_cnn_c", 10}, {"inception_bn", 21841}, {"places_cnds_8s", 205}};
  const auto other = classes.find(GetParam().name);
  EXPECT_EQ(last.outputs[0].dims[1], other == classes.end() ? 1000 : other->second);
}

TEST_P(ZooNetwork, IsByteIdenticalForTheSameSeed) {
  const Model a = GetParam().build(1, 99).value();
  const Model b = GetParam().build(1, 99).value();
  const Model c = GetParam().build(1, 100).value();
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(b.predict));
  EXPECT_EQ(*SerializeNet(a.init), *SerializeNet(b.init));
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(c.predict));
  EXPECT_NE(*SerializeNet(a.init), *SerializeNet(c.init));
}

TEST_P(ZooNetwork, ScalesWithTheBatch) {
  const Model one = GetParam().build(1, 1).value();
  const Model four = GetParam().build(4, 1).value();
  EXPECT_EQ(four.total.macs, 4 * one.total.macs);
  EXPECT_EQ(four.total.params, one.total.params);
  EXPECT_EQ(*SerializeNet(four.init), *SerializeNet(one.init));
  EXPECT_EQ(*SerializeNet(four.predict), *SerializeNet(one.predict));
  ASSERT_EQ(four.layers.size(), one.layers.size());
  for (size_t i = 0; i < one.layers.size(); ++i) {
    EXPECT_EQ(four.layers[i].outputs[0].dims[0], 4);
    // Concat's index output has no batch: 4 bytes for each input.
    const auto inputs = static_cast<int64_t>(one.layers[i].inputs.size());
    EXPECT_EQ(four.layers[i].cost.bytes_written - 4 * one.layers[i].cost.bytes_written,
              one.layers[i].type == "Concat" ? -3 * 4 * inputs : 0)
        << one.layers[i].name;
  }
}

TEST_P(ZooNetwork, RefusesABatchBelowOneAndOneBeyondCaffe2) {
  for (int64_t batch : {int64_t{0}, int64_t{-1}, int64_t{1} << 30, int64_t{1} << 62}) {
    EXPECT_EQ(GetParam().build(batch, 1).status().code(), absl::StatusCode::kInvalidArgument)
        << batch;
  }
}

TEST_P(ZooNetwork, NeedsLessMemoryThanCaffe2KeepsAndAtLeastItsLargestOperator) {
  const Model model = GetParam().build(1, 1).value();
  EXPECT_LE(model.peak_activation_bytes, model.activation_bytes);
  int64_t largest = 0;
  for (const Layer& layer : model.layers) largest = std::max(largest, layer.cost.bytes_written);
  EXPECT_GE(model.peak_activation_bytes, largest);
}

TEST_P(ZooNetwork, HasUniqueLayerNamesWhichItsOperatorsCarry) {
  const Model model = GetParam().build(1, 1).value();
  std::map<std::string, int> names;
  ASSERT_EQ(model.predict.op_size(), static_cast<int>(model.layers.size()));
  for (size_t i = 0; i < model.layers.size(); ++i) {
    EXPECT_EQ(++names[model.layers[i].name], 1) << model.layers[i].name;
    EXPECT_EQ(model.predict.op(static_cast<int>(i)).name(), model.layers[i].name);
  }
}

TEST(FindModel, SuggestsTheNearestNameAndListsAll) {
  const std::string error = FindModel("sqeezenet").status().ToString();
  EXPECT_EQ(FindModel("sqeezenet").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(error, HasSubstr("did you mean 'squeezenet'?"));
  for (const ZooEntry& entry : Zoo()) EXPECT_THAT(error, HasSubstr(std::string(entry.name)));
  EXPECT_THAT(FindModel("vgg-16").status().ToString(), HasSubstr("did you mean 'vgg16'?"));
  EXPECT_THAT(FindModel("resnet-50").status().ToString(), HasSubstr("did you mean 'resnet50'?"));
}

TEST(FindModel, SuggestsNothingWhereNothingIsNear) {
  EXPECT_THAT(FindModel("transformer-xl").status().ToString(), Not(HasSubstr("did you mean")));
  EXPECT_EQ(FindModel("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_LT(FindModel(std::string(1'000'000, 'x')).status().message().size(), 700u);
}

// docs/networks.md has a row for every network, and no other.
TEST(Zoo, IsDocumented) {
  std::ifstream file("docs/networks.md");
  std::map<std::string, std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    rows[line.substr(3, line.find('`', 3) - 3)] = line;
  }
  EXPECT_EQ(rows.size(), Zoo().size());
  for (const ZooEntry& entry : Zoo()) {
    const std::string row = rows[std::string(entry.name)];
    const Model model = entry.build(1, 1).value();
    EXPECT_THAT(row, HasSubstr("| " + std::to_string(model.total.macs) + " |")) << entry.name;
    EXPECT_THAT(row, HasSubstr("| " + std::to_string(model.total.params) + " |")) << entry.name;
    for (const PublishedMacs& published : entry.published_macs) {
      EXPECT_THAT(row, HasSubstr(std::string(published.note))) << entry.name;
    }
  }
}

TEST(Zoo, IsSortedByName) {
  EXPECT_TRUE(std::is_sorted(Zoo().begin(), Zoo().end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
}

}  // namespace
}  // namespace synergy
