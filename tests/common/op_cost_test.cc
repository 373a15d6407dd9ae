#include "common/op_cost.h"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

OpSpec Op(std::string type, std::vector<std::vector<int64_t>> inputs,
          std::vector<std::vector<int64_t>> outputs,
          std::map<std::string, std::vector<int64_t>> ints = {}) {
  OpSpec op;
  op.type = std::move(type);
  op.ints = std::move(ints);
  for (auto& dims : inputs) op.inputs.push_back({std::move(dims)});
  for (auto& dims : outputs) op.outputs.push_back({std::move(dims)});
  return op;
}

OpCost Cost(const OpSpec& op) {
  auto cost = ComputeOpCost(op);
  EXPECT_TRUE(cost.ok()) << cost.status();
  return cost.value_or(OpCost{});
}

// Counts the taps of a pool one by one: the definition, against the closed formula.
int64_t TapsByCounting(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad) {
  int64_t taps = 0;
  for (int64_t i = 0; i < out; ++i) {
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t at = i * stride - pad + k;
      if (at >= 0 && at < in) ++taps;
    }
  }
  return taps;
}

TEST(OpCost, ConvCountsEveryTapOfEveryOutput) {
  // 2 outputs channels of 2x2 from 3 channels with 3x3 taps: 8 outputs x 27 taps.
  const OpCost cost = Cost(Op("Conv", {{1, 3, 4, 4}, {2, 3, 3, 3}, {2}}, {{1, 2, 2, 2}}));
  EXPECT_EQ(cost.macs, 216);
  EXPECT_EQ(cost.flops, 440);  // 2 x 216 + 8 biases
  EXPECT_EQ(cost.bytes_read, 4 * (48 + 54 + 2));
  EXPECT_EQ(cost.bytes_written, 4 * 8);
  EXPECT_EQ(cost.params, 56);
  EXPECT_EQ(cost.params_bytes, 224);
  EXPECT_EQ(cost.statistics, 0);
}

TEST(OpCost, ConvWithoutBiasHasNoBiasAdditions) {
  const OpCost cost = Cost(Op("Conv", {{1, 3, 4, 4}, {2, 3, 3, 3}}, {{1, 2, 2, 2}}));
  EXPECT_EQ(cost.flops, 2 * cost.macs);
  EXPECT_EQ(cost.params, 54);
}

TEST(OpCost, ConvTapsOnPaddingCount) {
  // 3x3, pad 1 on 4x4: 16 outputs x 9 taps, as the published tables count.
  const OpCost cost =
      Cost(Op("Conv", {{1, 1, 4, 4}, {1, 1, 3, 3}}, {{1, 1, 4, 4}}, {{"pad", {1}}}));
  EXPECT_EQ(cost.macs, 144);
}

TEST(OpCost, GroupsDivideTheTapsOfAConv) {
  // AlexNet's conv2: 256 channels of 27x27, each from 48 of the 96 channels, 5x5.
  const OpCost cost = Cost(Op("Conv", {{1, 96, 27, 27}, {256, 48, 5, 5}, {256}}, {{1, 256, 27, 27}},
                              {{"group", {2}}, {"pad", {2}}}));
  EXPECT_EQ(cost.macs, 223'948'800);
  EXPECT_EQ(cost.params, 307'456);
}

TEST(OpCost, DepthwiseConvHasOneChannelPerOutput) {
  // MobileNet's conv2_1/dw: 32 x 112 x 112 x 9.
  const OpCost cost = Cost(Op("Conv", {{1, 32, 112, 112}, {32, 1, 3, 3}}, {{1, 32, 112, 112}},
                              {{"group", {32}}, {"pad", {1}}}));
  EXPECT_EQ(cost.macs, 3'612'672);
  EXPECT_EQ(cost.params, 288);
  EXPECT_EQ(cost.bytes_read, 4 * (401'408 + 288));
}

TEST(OpCost, DilationMovesTapsAndAddsNone) {
  // 3x3 dilated by 2 reaches over 5x5: 7x7 gives 3x3 outputs of 9 taps.
  const OpCost cost =
      Cost(Op("Conv", {{1, 1, 7, 7}, {1, 1, 3, 3}}, {{1, 1, 3, 3}}, {{"dilation", {2}}}));
  EXPECT_EQ(cost.macs, 81);
}

TEST(OpCost, BatchScalesWorkAndActivationsButNotParameters) {
  const OpCost one = Cost(Op("Conv", {{1, 3, 8, 8}, {4, 3, 3, 3}, {4}}, {{1, 4, 6, 6}}));
  const OpCost five = Cost(Op("Conv", {{5, 3, 8, 8}, {4, 3, 3, 3}, {4}}, {{5, 4, 6, 6}}));
  EXPECT_EQ(five.macs, 5 * one.macs);
  EXPECT_EQ(five.flops, 5 * one.flops);
  EXPECT_EQ(five.bytes_written, 5 * one.bytes_written);
  EXPECT_EQ(five.params, one.params);
  EXPECT_EQ(five.bytes_read - five.params_bytes, 5 * (one.bytes_read - one.params_bytes));
}

TEST(OpCost, ConvInNhwcEqualsConvInNchw) {
  OpSpec nhwc = Op("Conv", {{2, 9, 7, 4}, {6, 3, 3, 2}, {6}}, {{2, 7, 5, 6}}, {{"group", {2}}});
  nhwc.order = "NHWC";
  const OpSpec nchw =
      Op("Conv", {{2, 4, 9, 7}, {6, 2, 3, 3}, {6}}, {{2, 6, 7, 5}}, {{"group", {2}}});
  EXPECT_EQ(Cost(nhwc), Cost(nchw));
  EXPECT_EQ(Cost(nchw).macs, 2 * 6 * 35 * 18);
}

TEST(OpCost, ConvOfAVolumeCountsAllThreeAxes) {
  EXPECT_EQ(Cost(Op("Conv", {{1, 2, 4, 4, 4}, {3, 2, 2, 2, 2}}, {{1, 3, 3, 3, 3}})).macs,
            3 * 27 * 16);
}

TEST(OpCost, FcIsAMatrixProduct) {
  // AlexNet's fc6, with the image flattened: 4 rows of 9216 onto 4096.
  const OpCost cost = Cost(Op("FC", {{4, 256, 6, 6}, {4096, 9216}, {4096}}, {{4, 4096}}));
  EXPECT_EQ(cost.macs, 4LL * 9216 * 4096);
  EXPECT_EQ(cost.flops, 2 * cost.macs + 4 * 4096);
  EXPECT_EQ(cost.params, 37'752'832);
  EXPECT_EQ(cost.params_bytes, 4 * 37'752'832);
}

TEST(OpCost, MaxPoolComparesWhatIsUnderItsWindows) {
  // 3x3 stride 2 on 7x7: 3x3 full windows.
  const OpCost cost =
      Cost(Op("MaxPool", {{1, 2, 7, 7}}, {{1, 2, 3, 3}}, {{"kernel", {3}}, {"stride", {2}}}));
  EXPECT_EQ(cost.macs, 0);
  EXPECT_EQ(cost.flops, 2 * 9 * 9);
  EXPECT_EQ(cost.bytes_read, 4 * 98);
  EXPECT_EQ(cost.bytes_written, 4 * 18);
}

TEST(OpCost, PoolWindowsDoNotCountPadding) {
  for (const auto& [in, out, kernel, stride, pad] :
       std::vector<std::array<int64_t, 5>>{{7, 7, 3, 1, 1},
                                           {112, 56, 3, 2, 0},  // last window hangs over
                                           {112, 56, 3, 2, 1},  // first window hangs over
                                           {5, 3, 4, 2, 1},
                                           {3, 3, 9, 1, 4},  // all windows on both sides
                                           {1, 1, 1, 1, 0},
                                           {13, 6, 3, 2, 0}}) {
    const OpCost cost = Cost(Op("MaxPool", {{1, 1, in, in}}, {{1, 1, out, out}},
                                {{"kernel", {kernel}}, {"stride", {stride}}, {"pad", {pad}}}));
    const int64_t taps = TapsByCounting(in, out, kernel, stride, pad);
    EXPECT_EQ(cost.flops, taps * taps) << in << " " << out << " " << kernel << " " << stride;
  }
}

TEST(OpCost, PoolArgumentsMayBeGivenPerAxisOrAsLists) {
  const OpSpec per_axis =
      Op("MaxPool", {{1, 1, 6, 9}}, {{1, 1, 3, 3}},
         {{"kernel_h", {2}}, {"kernel_w", {3}}, {"stride_h", {2}}, {"stride_w", {3}}});
  const OpSpec lists = Op("MaxPool", {{1, 1, 6, 9}}, {{1, 1, 3, 3}},
                          {{"kernels", {2, 3}}, {"strides", {2, 3}}, {"pads", {0, 0, 0, 0}}});
  EXPECT_EQ(Cost(per_axis).flops, 9 * 6);
  EXPECT_EQ(Cost(lists), Cost(per_axis));
}

TEST(OpCost, GlobalAveragePoolAddsEveryElementOnceAndDividesOnce) {
  const OpCost cost =
      Cost(Op("AveragePool", {{2, 3, 5, 7}}, {{2, 3, 1, 1}}, {{"global_pooling", {1}}}));
  EXPECT_EQ(cost.flops, 2 * 3 * 35 + 6);
}

TEST(OpCost, AveragePoolAddsItsWindowsAndDividesOnce) {
  const OpCost cost =
      Cost(Op("AveragePool", {{1, 1, 4, 4}}, {{1, 1, 2, 2}}, {{"kernel", {2}}, {"stride", {2}}}));
  EXPECT_EQ(cost.flops, 16 + 4);
}

TEST(OpCost, LrnSquaresAndSumsOverNeighbouringChannels) {
  // 4 channels, window 3: 2 + 3 + 3 + 2 = 10 squares summed per pixel, 6 pixels, 24 elements.
  const OpCost cost = Cost(Op("LRN", {{1, 4, 2, 3}}, {{1, 4, 2, 3}}, {{"size", {3}}}));
  EXPECT_EQ(cost.flops, 24 * 5 + 10 * 6);
  EXPECT_EQ(cost.macs, 0);
}

TEST(OpCost, SpatialBnCountsScaleAndBiasAsLearnedAndMeanAndVarianceApart) {
  const OpCost cost = Cost(Op("SpatialBN", {{2, 8, 3, 3}, {8}, {8}, {8}, {8}}, {{2, 8, 3, 3}}));
  EXPECT_EQ(cost.macs, 0);
  EXPECT_EQ(cost.flops, 2 * 144 + 5 * 8);
  EXPECT_EQ(cost.params, 16);
  EXPECT_EQ(cost.statistics, 16);
  EXPECT_EQ(cost.params_bytes, 4 * 32);
  EXPECT_EQ(cost.bytes_read, 4 * (144 + 32));
}

TEST(OpCost, ElementwiseOperatorsCostTheirStatedFlops) {
  const std::vector<int64_t> shape = {2, 3, 5};  // 30 elements
  EXPECT_EQ(Cost(Op("Relu", {shape}, {shape})).flops, 30);
  EXPECT_EQ(Cost(Op("Clip", {shape}, {shape})).flops, 60);
  EXPECT_EQ(Cost(Op("Sigmoid", {shape}, {shape})).flops, 120);
  EXPECT_EQ(Cost(Op("Softmax", {shape}, {shape})).flops, 150);
  EXPECT_EQ(Cost(Op("Sum", {shape, shape, shape}, {shape})).flops, 60);
  for (const char* type : {"Add", "Sub", "Mul", "Div"}) {
    EXPECT_EQ(Cost(Op(type, {shape, shape}, {shape})).flops, 30) << type;
  }
}

TEST(OpCost, BroadcastInputIsReadOnce) {
  const OpCost cost = Cost(Op("Add", {{2, 3, 4}, {4}}, {{2, 3, 4}}));
  EXPECT_EQ(cost.flops, 24);
  EXPECT_EQ(cost.bytes_read, 4 * (24 + 4));
  EXPECT_EQ(cost.params, 0);
}

TEST(OpCost, CopiesMoveBytesAndComputeNothing) {
  const std::vector<int64_t> in = {1, 4, 2, 2};
  for (const char* type :
       {"Dropout", "Flatten", "Reshape", "Transpose", "ChannelShuffle", "Copy"}) {
    const OpCost cost = Cost(Op(type, {in}, {{1, 16}}));
    EXPECT_EQ(cost.macs + cost.flops + cost.params, 0) << type;
    EXPECT_EQ(cost.bytes_read, 64) << type;
    EXPECT_EQ(cost.bytes_written, 64) << type;
  }
}

TEST(OpCost, ConcatWritesItsInputsAndTheIndexOutputAtItsOwnElementSize) {
  OpSpec op = Op("Concat", {{1, 2, 3, 3}, {1, 4, 3, 3}}, {{1, 6, 3, 3}, {2}});
  op.outputs[1].element_size = 8;
  const OpCost cost = Cost(op);
  EXPECT_EQ(cost.bytes_read, 4 * 54);
  EXPECT_EQ(cost.bytes_written, 4 * 54 + 16);
}

TEST(OpCost, SplitReadsOnceAndWritesItsParts) {
  const OpCost cost = Cost(Op("Split", {{1, 6, 3, 3}}, {{1, 2, 3, 3}, {1, 4, 3, 3}}));
  EXPECT_EQ(cost.bytes_read, 4 * 54);
  EXPECT_EQ(cost.bytes_written, 4 * 54);
}

TEST(OpCost, FillersOnlyWrite) {
  for (const char* type : {"ConstantFill", "GaussianFill", "UniformFill", "XavierFill", "MSRAFill",
                           "GivenTensorFill"}) {
    OpCost expected;
    expected.bytes_written = 4 * 12;
    EXPECT_EQ(Cost(Op(type, {}, {{3, 4}})), expected) << type;
  }
}

TEST(OpCost, InPlaceDropoutAndReshapeMoveNothingButInPlaceReluReadsAndWrites) {
  for (const char* type : {"Dropout", "Reshape"}) {
    OpSpec op = Op(type, {{1, 10}}, {{1, 10}});
    op.in_place = true;
    EXPECT_EQ(Cost(op), OpCost{}) << type;
  }
  OpSpec relu = Op("Relu", {{1, 10}}, {{1, 10}});
  relu.in_place = true;
  EXPECT_EQ(Cost(relu).bytes_read, 40);
  EXPECT_EQ(Cost(relu).bytes_written, 40);
}

TEST(OpCost, ElementSizeScalesBytesOnly) {
  OpSpec op = Op("FC", {{1, 8}, {4, 8}, {4}}, {{1, 4}});
  const OpCost floats = Cost(op);
  for (auto* tensors : {&op.inputs, &op.outputs}) {
    for (OpTensor& tensor : *tensors) tensor.element_size = 2;
  }
  const OpCost halves = Cost(op);
  EXPECT_EQ(halves.macs, floats.macs);
  EXPECT_EQ(halves.params, floats.params);
  EXPECT_EQ(2 * halves.bytes_read, floats.bytes_read);
  EXPECT_EQ(2 * halves.params_bytes, floats.params_bytes);
}

TEST(OpCost, UnknownTypeIsNotFoundAndNamed) {
  const auto cost = ComputeOpCost(Op("Convolve", {{1}}, {{1}}));
  EXPECT_EQ(cost.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(cost.status().ToString(), HasSubstr("Convolve"));
}

TEST(OpCost, TensorsThatDoNotFitAreInvalid) {
  const std::vector<OpSpec> bad = {
      Op("Conv", {{1, 3, 4, 4}, {2, 4, 3, 3}}, {{1, 2, 2, 2}}),                    // channels
      Op("Conv", {{1, 4, 4, 4}, {3, 2, 3, 3}}, {{1, 3, 2, 2}}, {{"group", {2}}}),  // 3 in 2 groups
      Op("Conv", {{1, 3, 4, 4}, {2, 3, 3, 3}}, {{1, 5, 2, 2}}),       // output channels
      Op("Conv", {{2, 3, 4, 4}, {2, 3, 3, 3}}, {{1, 2, 2, 2}}),       // batch
      Op("Conv", {{1, 3, 4, 4}, {2, 3, 3, 3}, {3}}, {{1, 2, 2, 2}}),  // bias
      Op("Conv", {{1, 3, 4, 4}}, {{1, 2, 2, 2}}),                     // no filter
      Op("Conv", {{1, 3, 4, 4}, {2, 3, 3, 3}}, {{1, 2, 2, 2}}, {{"group", {0}}}),
      Op("FC", {{1, 8}, {4, 9}, {4}}, {{1, 4}}),
      Op("FC", {{1, 8}, {4, 8}, {5}}, {{1, 4}}),
      Op("FC", {{1, 8}, {}}, {{1, 4}}),
      Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 9, 9}}, {{"kernel", {2}}}),  // windows outside
      Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 2, 2}}),                     // no kernel
      Op("MaxPool", {{1, 1, 4, 4}}, {{1, 2, 2, 2}}, {{"kernel", {3}}}),
      Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 2, 2}}, {{"kernel", {2}}, {"dilation", {2}}}),
      Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 2, 2}}, {{"kernels", {2, 2, 2}}}),
      Op("LRN", {{1, 4, 2, 2}}, {{1, 4, 2, 2}}),
      Op("SpatialBN", {{1, 8, 2, 2}, {8}, {8}, {8}, {7}}, {{1, 8, 2, 2}}),
      Op("Sum", {{1, 2}, {1, 3}}, {{1, 2}}),
      Op("Relu", {{1, -2}}, {{1, -2}}),
      Op("Relu", {{1}}, {}),
  };
  for (const OpSpec& op : bad) {
    EXPECT_EQ(ComputeOpCost(op).status().code(), absl::StatusCode::kInvalidArgument)
        << op.type << " " << FormatShape(op.inputs[0].dims);
  }
}

TEST(OpCost, LegacySamePoolHasHalfOfItsPaddingBeforeTheFirstElement) {
  // 2 wide, stride 1 over 4: 4 windows, of which the last has one element on padding behind the
  // end. 7 elements per axis.
  EXPECT_EQ(
      Cost(Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 4, 4}}, {{"kernel", {2}}, {"legacy_pad", {2}}}))
          .flops,
      49);
  // 3 wide: one before, one behind.
  EXPECT_EQ(
      Cost(Op("MaxPool", {{1, 1, 4, 4}}, {{1, 1, 4, 4}}, {{"kernel", {3}}, {"legacy_pad", {2}}}))
          .flops,
      100);
}

TEST(OpCost, TransposedConvCountsEveryTapOfEveryInput) {
  // 18 input elements, each to 4 channels of 2x2 taps; 144 outputs with a bias.
  const OpCost cost = Cost(Op("ConvTranspose", {{1, 2, 3, 3}, {2, 4, 2, 2}, {4}}, {{1, 4, 6, 6}},
                              {{"kernel", {2}}, {"stride", {2}}}));
  EXPECT_EQ(cost.macs, 18 * 16);
  EXPECT_EQ(cost.flops, 2 * 288 + 144);
  EXPECT_EQ(cost.params, 32 + 4);
}

TEST(OpCost, MatrixProductsCountRowsTimesColumnsTimesWhatIsSummed) {
  EXPECT_EQ(Cost(Op("MatMul", {{2, 3}, {3, 4}}, {{2, 4}})).macs, 24);
  EXPECT_EQ(Cost(Op("MatMul", {{3, 2}, {3, 4}}, {{2, 4}}, {{"trans_a", {1}}})).macs, 24);
  EXPECT_EQ(Cost(Op("BatchMatMul", {{5, 2, 3}, {5, 3, 4}}, {{5, 2, 4}})).macs, 120);
  EXPECT_EQ(Cost(Op("FCTransposed", {{2, 3}, {3, 4}, {4}}, {{2, 4}})).flops, 48 + 8);
}

TEST(OpCost, NormalisationAndReductionsCostTheirStatedFlops) {
  EXPECT_EQ(Cost(Op("InstanceNorm", {{2, 3, 4}, {3}, {3}}, {{2, 3, 4}})).flops, 5 * 24 + 8 * 6);
  EXPECT_EQ(Cost(Op("ReduceMean", {{2, 3}}, {{2, 1}})).flops, 6 + 2);
  EXPECT_EQ(Cost(Op("ReduceL2", {{2, 3}}, {{2, 1}})).flops, 12 + 2);
  EXPECT_EQ(Cost(Op("Mean", {{2, 3}, {2, 3}}, {{2, 3}})).flops, 12);
  EXPECT_EQ(Cost(Op("PRelu", {{2, 3}, {3}}, {{2, 3}})).params, 3);
}

TEST(OpCost, CountsBeyond64BitsAreOutOfRange) {
  const int64_t big = int64_t{1} << 40;
  const std::vector<OpSpec> absurd = {
      Op("Relu", {{big, big}}, {{big, big}}),
      Op("Conv", {{1, 1, big, 64}, {1, 1, 1, 1}}, {{1, 1, big, int64_t{1} << 23}}),
      Op("FC", {{1, big}, {big, big}}, {{1, big}}),
      Op("MaxPool", {{1, 1, big, big}}, {{1, 1, big, big}}, {{"kernel", {1}}}),
      Op("AveragePool", {{big, big, 2, 2}}, {{big, big, 1, 1}}, {{"global_pooling", {1}}}),
  };
  for (const OpSpec& op : absurd) {
    EXPECT_EQ(ComputeOpCost(op).status().code(), absl::StatusCode::kOutOfRange) << op.type;
  }
}

TEST(OpCost, AddCostsAddsEveryFieldAndRefusesOverflow) {
  const OpCost a{1, 2, 3, 4, 5, 6, 7};
  const OpCost b{10, 20, 30, 40, 50, 60, 70};
  EXPECT_EQ(AddCosts(a, b).value(), (OpCost{11, 22, 33, 44, 55, 66, 77}));
  OpCost huge;
  huge.bytes_written = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(AddCosts(huge, a).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(OpCost, ElementsAreTheProductOfTheDimensions) {
  EXPECT_EQ(CountElements({2, 3, 7}).value(), 42);
  EXPECT_EQ(CountElements({}).value(), 1);
  EXPECT_EQ(CountElements({4, 0, 7}).value(), 0);
  EXPECT_EQ(CountElements({4, -1}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CountElements({int64_t{1} << 62, 2}).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace synergy
