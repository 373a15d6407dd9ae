// Costs that an engine reports: closed forms by hand, and Caffe2's own inference beside them, with
// what is wrong about it held fast.
#include "daemon/worker/operator_report.h"

#include <caffe2/core/operator_schema.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/daemon/worker/caffe2_workspace.h"

namespace synergy {
namespace {

using testing::ElementsAre;

struct Cost {
  int64_t macs, flops, read, written, params;
  friend bool operator==(const Cost&, const Cost&) = default;
  friend void PrintTo(const Cost& c, std::ostream* out) {
    *out << c.macs << " MACs, " << c.flops << " FLOPs, " << c.read << " B read, " << c.written
         << " B written, " << c.params << " parameters";
  }
};

class OperatorReport : public Caffe2Workspace {
 protected:
  // Runs the operator and describes it as an engine does.
  v1::OperatorInfo Describe(const caffe2::OperatorDef& op) {
    EXPECT_TRUE(workspace_.RunOperatorOnce(op));
    const auto look = [this](const auto& blobs) {
      std::vector<SeenTensor> seen;
      for (const std::string& blob : blobs) {
        const caffe2::Tensor& t = workspace_.GetBlob(blob)->Get<caffe2::Tensor>();
        seen.push_back(
            {.known = true, .dims = {t.sizes().begin(), t.sizes().end()}, .type = t.dtype()});
      }
      return seen;
    };
    return DescribeOperator(0, op, look(op.input()), look(op.output()));
  }

  static Cost CostOf(const v1::OperatorInfo& info) {
    EXPECT_TRUE(info.has_cost());
    return {info.macs(), info.flops(), info.bytes_read(), info.bytes_written(), info.params()};
  }

  // FLOPs that Caffe2 infers; nullopt where it has no inference or the inference throws.
  std::optional<uint64_t> Caffe2Flops(const caffe2::OperatorDef& op) {
    const caffe2::OpSchema* schema = caffe2::OpSchemaRegistry::Schema(op.type());
    if (schema == nullptr || !schema->HasCostInferenceFunction()) return std::nullopt;
    std::vector<caffe2::TensorShape> shapes;
    for (const std::string& blob : op.input()) {
      const caffe2::Tensor& t = workspace_.GetBlob(blob)->Get<caffe2::Tensor>();
      const std::vector<int64_t> dims(t.sizes().begin(), t.sizes().end());
      shapes.push_back(caffe2::CreateTensorShape(dims, caffe2::TensorProto::FLOAT));
    }
    try {
      return schema->InferCost(op, shapes).flops;
    } catch (const std::exception&) {
      return std::nullopt;
    }
  }

  caffe2::OperatorDef Conv(const std::vector<int64_t>& x, const std::vector<int64_t>& w, bool bias,
                           const std::vector<std::pair<std::string, ArgumentValue>>& more) {
    FeedNormal("x", x);
    FeedNormal("w", w);
    FeedNormal("b", {w[0]});
    std::vector<std::string> inputs = {"x", "w"};
    if (bias) inputs.emplace_back("b");
    auto arguments = more;
    arguments.emplace_back("kernel", w[2]);
    return MakeOp("Conv", inputs, {"y"}, arguments);
  }
};

TEST_F(OperatorReport, Caffe2IsRightAboutPlainConvolutions) {
  const auto op = Conv({2, 3, 10, 12}, {8, 3, 3, 3}, false, {{"pad", int64_t{1}}});
  const v1::OperatorInfo info = Describe(op);
  const int64_t macs = 2 * 8 * 10 * 12 * 3 * 3 * 3;
  EXPECT_EQ(CostOf(info), (Cost{macs, 2 * macs, 4 * (2 * 3 * 10 * 12 + 8 * 3 * 9),
                                4 * 2 * 8 * 10 * 12, 8 * 3 * 9}));
  EXPECT_EQ(info.cost_source(), "caffe2");
}

TEST_F(OperatorReport, Caffe2IsRightAboutGroupsAndDepthwise) {
  auto info = Describe(Conv({1, 12, 9, 9}, {8, 3, 3, 3}, false, {{"group", int64_t{4}}}));
  EXPECT_EQ(info.macs(), 8 * 7 * 7 * 3 * 9);
  EXPECT_EQ(info.flops(), 2 * info.macs());
  EXPECT_EQ(info.cost_source(), "caffe2");
  info = Describe(Conv({1, 16, 9, 9}, {16, 1, 3, 3}, false, {{"group", int64_t{16}}}));
  EXPECT_EQ(info.macs(), 16 * 7 * 7 * 9);
  EXPECT_EQ(info.flops(), 2 * info.macs());
  EXPECT_EQ(info.cost_source(), "caffe2");
}

TEST_F(OperatorReport, Caffe2ForgetsTheBiasOfConvolutions) {
  const auto op = Conv({1, 3, 8, 8}, {4, 3, 3, 3}, true, {});
  const int64_t macs = 4 * 6 * 6 * 27;
  const v1::OperatorInfo info = Describe(op);
  EXPECT_EQ(CostOf(info),
            (Cost{macs, 2 * macs + 4 * 6 * 6, 4 * (3 * 64 + 4 * 27 + 4), 4 * 4 * 36, 4 * 27 + 4}));
  EXPECT_EQ(info.cost_source(), "synergy");
  EXPECT_EQ(Caffe2Flops(op), static_cast<uint64_t>(2 * macs));
}

TEST_F(OperatorReport, Caffe2TakesDilationForAStride) {
  const auto op = Conv({1, 2, 15, 15}, {3, 2, 3, 3}, false, {{"dilation", int64_t{2}}});
  const v1::OperatorInfo info = Describe(op);
  ASSERT_THAT(info.outputs(0).dims(), ElementsAre(1, 3, 11, 11));
  EXPECT_EQ(info.macs(), 3 * 11 * 11 * 2 * 9);
  EXPECT_EQ(info.flops(), 2 * info.macs());
  EXPECT_EQ(info.cost_source(), "synergy");
  const std::optional<uint64_t> theirs = Caffe2Flops(op);
  EXPECT_TRUE(!theirs.has_value() || *theirs != static_cast<uint64_t>(info.flops()));
}

TEST_F(OperatorReport, Caffe2IsRightAboutFullyConnectedAndSum) {
  FeedNormal("x", {3, 4, 2, 2});
  FeedNormal("w", {10, 16});
  FeedNormal("b", {10});
  v1::OperatorInfo info = Describe(MakeOp("FC", {"x", "w", "b"}, {"y"}));
  EXPECT_EQ(CostOf(info), (Cost{480, 990, 4 * (48 + 160 + 10), 4 * 30, 170}));
  EXPECT_EQ(info.cost_source(), "caffe2");
  FeedNormal("x2", {3, 4, 2, 2});
  FeedNormal("x3", {3, 4, 2, 2});
  info = Describe(MakeOp("Sum", {"x", "x2", "x3"}, {"y"}));
  EXPECT_EQ(CostOf(info), (Cost{0, 96, 4 * 3 * 48, 4 * 48, 0}));
  EXPECT_EQ(info.cost_source(), "caffe2");
}

TEST_F(OperatorReport, Caffe2IsRightAboutConcat) {
  FeedNormal("x", {2, 3, 4, 4});
  FeedNormal("x2", {2, 5, 4, 4});
  const v1::OperatorInfo info = Describe(MakeOp("Concat", {"x", "x2"}, {"y", "sizes"}));
  EXPECT_EQ(CostOf(info), (Cost{0, 0, 4 * 256, 4 * 256 + 4 * 2, 0}))
      << "the sizes are an output too";
  EXPECT_EQ(info.cost_source(), "caffe2");
}

TEST_F(OperatorReport, Caffe2CountsNoComparisonInRelu) {
  FeedNormal("x", {2, 5});
  const auto op = MakeOp("Relu", {"x"}, {"y"});
  const v1::OperatorInfo info = Describe(op);
  EXPECT_EQ(CostOf(info), (Cost{0, 10, 40, 40, 0}));
  EXPECT_EQ(info.cost_source(), "synergy");
  EXPECT_EQ(Caffe2Flops(op), 0u);
}

TEST_F(OperatorReport, Caffe2CountsTrainingInSpatialBN) {
  FeedNormal("x", {2, 3, 4, 4});
  for (const char* blob : {"s", "b", "m"}) FeedNormal(blob, {3});
  workspace_.RunOperatorOnce(MakeOp("Mul", {"s", "s"}, {"v"}));
  const auto op = MakeOp("SpatialBN", {"x", "s", "b", "m", "v"}, {"y"}, {{"is_test", int64_t{1}}});
  const v1::OperatorInfo info = Describe(op);
  EXPECT_EQ(CostOf(info), (Cost{0, 2 * 96 + 5 * 3, 4 * (96 + 4 * 3), 4 * 96, 6}));
  EXPECT_EQ(info.cost_source(), "synergy");
  EXPECT_EQ(Caffe2Flops(op), 4u * 96);
}

TEST_F(OperatorReport, WhatCaffe2LacksIsOurs) {
  FeedNormal("x", {1, 2, 6, 6});
  for (const auto& op :
       {MakeOp("MaxPool", {"x"}, {"y"}, {{"kernel", int64_t{2}}, {"stride", int64_t{2}}}),
        MakeOp("AveragePool", {"x"}, {"y"}, {{"global_pooling", int64_t{1}}}),
        MakeOp("Softmax", {"x"}, {"y"}),
        MakeOp("LRN", {"x"}, {"y"}, {{"size", int64_t{3}}, {"alpha", 1e-4f}, {"beta", 0.75f}}),
        MakeOp("Clip", {"x"}, {"y"}, {{"min", 0.0f}, {"max", 6.0f}}),
        MakeOp("Dropout", {"x"}, {"y"}, {{"is_test", int64_t{1}}}), MakeOp("Flatten", {"x"}, {"y"}),
        MakeOp("Transpose", {"x"}, {"y"}, {{"axes", std::vector<int64_t>{0, 2, 3, 1}}})}) {
    EXPECT_FALSE(Caffe2Flops(op).has_value()) << op.type();
    const v1::OperatorInfo info = Describe(op);
    EXPECT_TRUE(info.has_cost()) << op.type();
    EXPECT_EQ(info.cost_source(), "synergy") << op.type();
    EXPECT_EQ(info.macs(), 0) << op.type();
    EXPECT_EQ(info.bytes_read(), 4 * 72) << op.type();
  }
}

TEST_F(OperatorReport, Caffe2IsRightAboutLeakyRelu) {
  FeedNormal("x", {4, 4});
  const v1::OperatorInfo info = Describe(MakeOp("LeakyRelu", {"x"}, {"y"}));
  EXPECT_EQ(CostOf(info), (Cost{0, 32, 64, 64, 0}));
  EXPECT_EQ(info.cost_source(), "caffe2");
}

TEST_F(OperatorReport, WhatNobodyKnowsHasNoCost) {
  FeedNormal("y", {4, 4});
  FeedNormal("dy", {4, 4});
  EXPECT_FALSE(Describe(MakeOp("ReluGradient", {"y", "dy"}, {"dx"})).has_cost());
}

TEST_F(OperatorReport, KeepsNameTypeEngineAndShapes) {
  caffe2::OperatorDef op =
      Conv({1, 16, 9, 9}, {16, 1, 3, 3}, true, {{"group", int64_t{16}}, {"stride", int64_t{1}}});
  op.set_name("dw1");
  op.set_engine("DEPTHWISE_3x3");
  const v1::OperatorInfo info = Describe(op);
  EXPECT_EQ(info.name(), "dw1");
  EXPECT_EQ(info.type(), "Conv");
  EXPECT_EQ(info.engine(), "DEPTHWISE_3x3");
  ASSERT_EQ(info.inputs_size(), 3);
  EXPECT_EQ(info.inputs(1).blob(), "w");
  EXPECT_THAT(info.inputs(1).dims(), ElementsAre(16, 1, 3, 3));
  EXPECT_THAT(info.outputs(0).dims(), ElementsAre(1, 16, 7, 7));
}

}  // namespace
}  // namespace synergy
