// Every operator type of the zoo, and those that models like its use, against a reference in double
// precision (reference_operators.h). Compiled for each math back-end.
//
// Bar: 1e-4 relative, for every element. Where positive and negative terms cancel, a result far
// smaller than its terms carries their rounding: elements below 1 % of the output's largest are
// taken relative to that 1 %. The worst of every type is printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "client/models/zoo.h"
#include "fmt/format.h"
#include "tests/daemon/worker/caffe2_workspace.h"
#include "tests/daemon/worker/reference_operators.h"

namespace synergy {
namespace {

constexpr double kMostRelative = 1e-4;
constexpr double kSmall = 0.01;

double WorstRelative(const Array& got, const Array& want) {
  double largest = 0;
  for (const double v : want.values) largest = std::max(largest, std::fabs(v));
  double worst = 0;
  for (size_t i = 0; i < want.values.size(); ++i) {
    const double scale = std::max(std::fabs(want.values[i]), kSmall * largest);
    const double error = std::fabs(got.values[i] - want.values[i]);
    if (error == 0) continue;
    if (std::isnan(error) || scale == 0) return HUGE_VAL;
    worst = std::max(worst, error / scale);
  }
  return worst;
}

class Numerics : public Caffe2Workspace {
 protected:
  static void TearDownTestSuite() {
    for (const auto& [type, error] : worst_) fmt::print("{:<16} worst {:.2e}\n", type, error);
    worst_.clear();
  }

  // Runs the operator on what was fed, and compares.
  void Check(const caffe2::OperatorDef& op) {
    std::vector<Array> inputs;
    for (const std::string& blob : op.input()) inputs.push_back(Fetch(blob));
    const std::optional<Array> want = ReferenceOutput(op, inputs);
    ASSERT_TRUE(want.has_value()) << op.type();
    ASSERT_TRUE(workspace_.RunOperatorOnce(op)) << op.DebugString();
    const Array got = Fetch(op.output(0));
    ASSERT_EQ(got.dims, want->dims) << op.ShortDebugString();
    const double error = WorstRelative(got, *want);
    EXPECT_LE(error, kMostRelative) << op.ShortDebugString();
    worst_[op.type()] = std::max(worst_[op.type()], error);
  }

 private:
  static inline std::map<std::string, double> worst_;
};

struct ConvCase {
  int64_t batch, channels, height, width, outputs, kernel, stride, pad, dilation, group;
  bool bias = true;
};

TEST_F(Numerics, Conv) {
  for (const ConvCase& c : {
           ConvCase{1, 16, 9, 9, 8, 1, 1, 0, 1, 1},          // squeeze
           ConvCase{2, 16, 13, 13, 24, 3, 1, 1, 1, 1},       // expand
           ConvCase{1, 3, 37, 41, 12, 7, 2, 3, 1, 1},        // first layer of resnet50
           ConvCase{1, 3, 67, 67, 8, 11, 4, 0, 1, 1},        // of alexnet
           ConvCase{1, 12, 14, 14, 16, 5, 1, 2, 1, 2},       // groups
           ConvCase{1, 64, 7, 7, 32, 1, 2, 0, 1, 1, false},  // resnet50's short cut
           ConvCase{2, 24, 15, 15, 24, 3, 1, 1, 1, 24},      // depthwise
           ConvCase{1, 24, 16, 18, 24, 3, 2, 1, 1, 24, false},
           ConvCase{1, 8, 12, 12, 16, 3, 1, 1, 1, 8},  // two outputs for each input
           ConvCase{1, 6, 17, 15, 10, 3, 1, 2, 2, 1},  // dilation
           ConvCase{1, 6, 23, 23, 9, 3, 2, 4, 3, 3}, ConvCase{3, 5, 5, 4, 1, 5, 1, 2, 1, 1},
           ConvCase{1, 512, 6, 6, 64, 3, 1, 1, 1, 1},  // 4608 terms a sum
       }) {
    FeedNormal("x", {c.batch, c.channels, c.height, c.width});
    FeedNormal("w", {c.outputs, c.channels / c.group, c.kernel, c.kernel});
    FeedNormal("b", {c.outputs});
    std::vector<std::string> inputs = {"x", "w"};
    if (c.bias) inputs.emplace_back("b");
    Check(MakeOp("Conv", inputs, {"y"},
                 {{"kernel", c.kernel},
                  {"stride", c.stride},
                  {"pad", c.pad},
                  {"dilation", c.dilation},
                  {"group", c.group}}));
  }
}

TEST_F(Numerics, ConvWithDifferentSides) {
  FeedNormal("x", {1, 4, 11, 17});
  FeedNormal("w", {6, 4, 3, 5});
  FeedNormal("b", {6});
  Check(MakeOp("Conv", {"x", "w", "b"}, {"y"},
               {{"kernel_h", int64_t{3}},
                {"kernel_w", int64_t{5}},
                {"stride_h", int64_t{2}},
                {"stride_w", int64_t{1}},
                {"pad_t", int64_t{0}},
                {"pad_l", int64_t{2}},
                {"pad_b", int64_t{1}},
                {"pad_r", int64_t{3}}}));
}

TEST_F(Numerics, ConvOfTheDepthwiseEngine) {
  FeedNormal("x", {1, 16, 14, 14});
  FeedNormal("w", {16, 1, 3, 3});
  FeedNormal("b", {16});
  caffe2::OperatorDef op = MakeOp("Conv", {"x", "w", "b"}, {"y"},
                                  {{"kernel", int64_t{3}},
                                   {"stride", int64_t{1}},
                                   {"pad", int64_t{1}},
                                   {"group", int64_t{16}}});
  op.set_engine("DEPTHWISE_3x3");
  Check(op);
}

TEST_F(Numerics, FullyConnected) {
  for (const auto& [batch, inner, outputs] :
       {std::array<int64_t, 3>{1, 9216, 64}, {4, 100, 1000}, {1, 1, 1}}) {
    FeedNormal("x", {batch, inner});
    FeedNormal("w", {outputs, inner});
    FeedNormal("b", {outputs});
    Check(MakeOp("FC", {"x", "w", "b"}, {"y"}));
  }
  FeedNormal("x", {2, 8, 3, 3});
  FeedNormal("w", {5, 72});
  FeedNormal("b", {5});
  Check(MakeOp("FC", {"x", "w", "b"}, {"y"}));
}

TEST_F(Numerics, Pools) {
  FeedNormal("x", {2, 5, 15, 14});
  for (const std::string& type : {std::string("MaxPool"), std::string("AveragePool")}) {
    Check(MakeOp(type, {"x"}, {"y"}, {{"kernel", int64_t{3}}, {"stride", int64_t{2}}}));
    Check(MakeOp(type, {"x"}, {"y"}, {{"kernel", int64_t{2}}, {"stride", int64_t{2}}}));
    Check(MakeOp(type, {"x"}, {"y"},
                 {{"kernel", int64_t{3}}, {"stride", int64_t{2}}, {"pad", int64_t{1}}}));
    Check(MakeOp(type, {"x"}, {"y"},
                 {{"kernel", int64_t{3}},
                  {"stride", int64_t{2}},
                  {"pad_t", int64_t{0}},
                  {"pad_l", int64_t{0}},
                  {"pad_b", int64_t{1}},
                  {"pad_r", int64_t{1}}}));
    Check(MakeOp(type, {"x"}, {"y"}, {{"global_pooling", int64_t{1}}}));
    Check(MakeOp(type, {"x"}, {"y"},
                 {{"kernel", int64_t{3}}, {"pad", int64_t{1}}, {"count_include_pad", int64_t{1}}}));
  }
}

TEST_F(Numerics, Elementwise) {
  FeedNormal("x", {2, 7, 5, 3});
  FeedNormal("y", {2, 7, 5, 3});
  FeedNormal("z", {2, 7, 5, 3});
  Check(MakeOp("Relu", {"x"}, {"out"}));
  Check(MakeOp("Clip", {"x"}, {"out"}, {{"min", -0.5f}, {"max", 0.75f}}));
  Check(MakeOp("Sum", {"x", "y"}, {"out"}));
  Check(MakeOp("Sum", {"x", "y", "z"}, {"out"}));
  Check(MakeOp("Sum", {"x", "y"}, {"x"}));
  Check(MakeOp("Relu", {"y"}, {"y"}));
}

TEST_F(Numerics, Normalisations) {
  FeedNormal("x", {2, 9, 6, 5});
  for (const int64_t size : {1, 3, 5}) {
    Check(MakeOp("LRN", {"x"}, {"y"},
                 {{"size", size}, {"alpha", 0.02f}, {"beta", 0.75f}, {"bias", 1.5f}}));
  }
  for (const char* blob : {"scale", "bias", "mean"}) FeedNormal(blob, {9});
  FeedNormal("root", {9});
  workspace_.RunOperatorOnce(MakeOp("Mul", {"root", "root"}, {"var"}));
  Check(MakeOp("SpatialBN", {"x", "scale", "bias", "mean", "var"}, {"y"},
               {{"is_test", int64_t{1}}, {"epsilon", 1e-3f}}));
  FeedNormal("wide", {3, 1000});
  Check(MakeOp("Softmax", {"wide"}, {"y"}));
  FeedNormal("image", {2, 10, 1, 1});
  Check(MakeOp("Softmax", {"image"}, {"y"}, {{"axis", int64_t{1}}}));
}

TEST_F(Numerics, Shapes) {
  FeedNormal("x", {2, 6, 4, 5});
  FeedNormal("y", {2, 3, 4, 5});
  FeedNormal("z", {2, 1, 4, 5});
  Check(MakeOp("Concat", {"x", "y", "z"}, {"out", "sizes"}, {{"axis", int64_t{1}}}));
  Check(MakeOp("Concat", {"x", "y"}, {"out", "sizes"}, {{"order", std::string("NCHW")}}));
  Check(MakeOp("Split", {"x"}, {"first", "second"}, {{"axis", int64_t{2}}}));
  Check(MakeOp("Split", {"x"}, {"first", "second", "third"}, {{"axis", int64_t{1}}}));
  Check(MakeOp("Dropout", {"x"}, {"out"}, {{"is_test", int64_t{1}}, {"ratio", 0.5f}}));
  Check(MakeOp("Flatten", {"x"}, {"out"}));
  Check(MakeOp("Flatten", {"x"}, {"out"}, {{"axis", int64_t{2}}}));
  Check(MakeOp("Reshape", {"x"}, {"out", "old"}, {{"shape", std::vector<int64_t>{0, -1, 10}}}));
  Check(MakeOp("Transpose", {"x"}, {"out"}, {{"axes", std::vector<int64_t>{0, 2, 3, 1}}}));
  Check(MakeOp("Transpose", {"x"}, {"out"}, {{"axes", std::vector<int64_t>{3, 1, 0, 2}}}));
  Check(MakeOp("ChannelShuffle", {"x"}, {"out"},
               {{"group", int64_t{3}}, {"kernel", int64_t{1}}, {"order", std::string("NCHW")}}));
  Check(MakeOp("Copy", {"x"}, {"out"}));
}

// Whole networks, operator by operator, each from the inputs that the engine itself made: real
// shapes and values as they occur. Operators alone cover what the smaller ones do not have.
class NumericsOfNet : public Numerics, public testing::WithParamInterface<const char*> {};

TEST_P(NumericsOfNet, EveryOperatorAgrees) {
  const auto entry = FindModel(GetParam());
  ASSERT_TRUE(entry.ok()) << entry.status();
  const auto model = (*entry)->build(1, 3);
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_TRUE(workspace_.RunNetOnce(model->init));
  FeedNormal(model->inputs[0].blob, model->inputs[0].dims);
  for (const caffe2::OperatorDef& op : model->predict.op()) {
    Check(op);
    if (HasFailure()) return;  // what follows has no good inputs
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, NumericsOfNet,
                         testing::Values("squeezenet1.1", "mobilenet", "shufflenet_v2_x1_0"));

// No type of the zoo goes unchecked.
TEST_F(Numerics, CoversTheZoo) {
  std::set<std::string> types;
  for (const ZooEntry& entry : Zoo()) {
    const auto model = entry.build(1, 1);
    ASSERT_TRUE(model.ok()) << model.status();
    for (const caffe2::OperatorDef& op : model->predict.op()) types.insert(op.type());
  }
  const std::set<std::string> checked = {
      "Conv",    "FC",      "MaxPool",   "AveragePool",    "Relu",   "LRN",
      "Softmax", "Sum",     "Clip",      "SpatialBN",      "Concat", "Dropout",
      "Reshape", "Flatten", "Transpose", "ChannelShuffle", "Split"};
  for (const std::string& type : types) EXPECT_TRUE(checked.contains(type)) << type;
}

}  // namespace
}  // namespace synergy
