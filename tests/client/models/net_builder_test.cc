#include "client/models/net_builder.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/models/fillers.h"
#include "common/op_spec.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// data 1x1x4x4 -> conv 1x2x2x2 -> relu -> pool 1x2x1x1 -> prob
absl::StatusOr<Model> SmallNet(int64_t batch = 1, uint64_t seed = 7) {
  NetBuilder net("small", {batch, 1, 4, 4}, seed);
  Blob x = net.Relu("relu", net.Conv("conv", net.Input(), {.out = 2, .kernel = 3}));
  x = net.GlobalAveragePool("pool", x);
  return net.Build(net.Softmax("prob", x));
}

std::string ErrorOf(absl::StatusOr<Model> model) {
  EXPECT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  return model.status().ToString();
}

TEST(NetBuilder, OperatorsCarryTheLayersNamesAndBlobs) {
  const Model model = SmallNet().value();
  ASSERT_EQ(model.predict.op_size(), 4);
  EXPECT_EQ(model.predict.op(0).name(), "conv");
  EXPECT_THAT(model.predict.op(0).input(), ElementsAre("data", "conv_w", "conv_b"));
  EXPECT_THAT(model.predict.op(0).output(), ElementsAre("conv"));
  EXPECT_EQ(model.predict.op(1).name(), "relu");
  EXPECT_THAT(model.predict.op(1).input(), ElementsAre("conv"));  // in place
  EXPECT_THAT(model.predict.op(1).output(), ElementsAre("conv"));
  EXPECT_THAT(model.predict.external_input(), ElementsAre("data", "conv_w", "conv_b"));
  EXPECT_THAT(model.predict.external_output(), ElementsAre("prob"));
  EXPECT_EQ(model.inputs[0].blob, "data");
  EXPECT_EQ(model.outputs[0], "prob");
}

TEST(NetBuilder, InitNetMakesEveryWeightAndNothingElse) {
  const Model model = SmallNet().value();
  ASSERT_EQ(model.init.op_size(), 2);
  EXPECT_THAT(model.init.op(0).output(), ElementsAre("conv_w"));
  EXPECT_EQ(model.init.op(0).type(), "UniformFill");
  EXPECT_THAT(model.init.op(0).arg(0).ints(), ElementsAre(2, 1, 3, 3));
  EXPECT_TRUE(model.init.op(0).device_option().has_random_seed());
  EXPECT_THAT(model.init.op(1).output(), ElementsAre("conv_b"));
  EXPECT_THAT(model.init.external_output(), ElementsAre("conv_w", "conv_b"));
}

TEST(NetBuilder, LayersHaveShapesAndCosts) {
  const Model model = SmallNet(3).value();
  ASSERT_EQ(model.layers.size(), 4u);
  const Layer& conv = model.layers[0];
  EXPECT_THAT(conv.inputs[0].dims, ElementsAre(3, 1, 4, 4));
  EXPECT_THAT(conv.inputs[1].dims, ElementsAre(2, 1, 3, 3));
  EXPECT_THAT(conv.outputs[0].dims, ElementsAre(3, 2, 2, 2));
  EXPECT_EQ(conv.cost.macs, 3 * 8 * 9);
  EXPECT_EQ(conv.cost.params, 20);
  EXPECT_EQ(model.layers[1].cost.flops, 3 * 8);
  EXPECT_EQ(model.total.macs, conv.cost.macs);
  EXPECT_EQ(model.total.flops, 3 * (2 * 72 + 8 + 8 + (8 + 2) + 5 * 2));
  EXPECT_THAT(model.macs_by_type, ElementsAre(std::pair("Conv", conv.cost.macs)));
}

TEST(NetBuilder, ActivationMemoryIsCountedAsKeptAndAsNeeded) {
  const Model model = SmallNet().value();
  EXPECT_EQ(model.activation_bytes, 4 * (16 + 8 + 2 + 2));
  EXPECT_EQ(model.peak_activation_bytes, 4 * (16 + 8));  // at the convolution
}

TEST(NetBuilder, AShortcutKeepsItsBlobAlive) {
  NetBuilder net("shortcut", {1, 4, 8, 8}, 1);  // 1024 bytes per blob
  const Blob a = net.Conv("a", net.Input(), {.out = 4});
  const Blob b = net.Conv("b", a, {.out = 4});
  const Blob c = net.Conv("c", b, {.out = 4});
  const Model model = net.Build(net.Sum("sum", {a, c})).value();
  EXPECT_EQ(model.activation_bytes, 5 * 1024);
  EXPECT_EQ(model.peak_activation_bytes, 3 * 1024);  // a, b, c at c; a, c, sum at sum
}

TEST(NetBuilder, ConcatHasItsIndexOutputAndAddsChannels) {
  NetBuilder net("concat", {1, 3, 5, 5}, 1);
  const Blob a = net.Conv("a", net.Input(), {.out = 2});
  const Blob b = net.Conv("b", net.Input(), {.out = 4});
  const Model model = net.Build(net.Concat("both", {a, b})).value();
  ASSERT_EQ(model.layers[2].outputs.size(), 2u);
  EXPECT_THAT(model.layers[2].outputs[0].dims, ElementsAre(1, 6, 5, 5));
  EXPECT_EQ(model.layers[2].outputs[1].blob, "both_split");
  EXPECT_THAT(model.layers[2].outputs[1].dims, ElementsAre(2));
}

TEST(NetBuilder, CeilingPoolIsWrittenAsPadding) {
  NetBuilder net("pool", {1, 1, 112, 111}, 1);
  const Model model =
      net.Build(net.MaxPool("pool", net.Input(), {.kernel = 3, .stride = 2, .ceil = true})).value();
  std::map<std::string, int64_t> args;
  for (const auto& arg : model.predict.op(0).arg()) args[arg.name()] = arg.i();
  EXPECT_EQ(args["pad_t"], 0);
  EXPECT_EQ(args["pad_l"], 0);
  EXPECT_EQ(args["pad_b"], 1);
  EXPECT_EQ(args["pad_r"], 0);
  EXPECT_THAT(model.layers[0].outputs[0].dims, ElementsAre(1, 1, 56, 55));
}

std::map<std::string, int64_t> IntArgs(const caffe2::OperatorDef& op) {
  std::map<std::string, int64_t> args;
  for (const auto& arg : op.arg()) args[arg.name()] = arg.i();
  return args;
}

TEST(NetBuilder, AnAsymmetricConvolutionHasItsOwnWidth) {
  NetBuilder net("wide", {1, 4, 9, 9}, 1);
  const Blob x = net.Conv("1x7", net.Input(), {.out = 6, .kernel_w = 7, .pad_w = 3});
  const Model model = net.Build(net.Conv("3x1", x, {.out = 2, .kernel = 3, .kernel_w = 1})).value();
  EXPECT_THAT(model.layers[0].inputs[1].dims, ElementsAre(6, 4, 1, 7));
  EXPECT_THAT(model.layers[0].outputs[0].dims, ElementsAre(1, 6, 9, 9));
  EXPECT_EQ(model.layers[0].cost.macs, 81 * 6 * 4 * 7);
  EXPECT_THAT(model.layers[1].outputs[0].dims, ElementsAre(1, 2, 7, 9));
  const std::map<std::string, int64_t> expected = {{"kernel_h", 1}, {"kernel_w", 7}, {"stride", 1},
                                                   {"pad_t", 0},    {"pad_b", 0},    {"pad_l", 3},
                                                   {"pad_r", 3}};
  EXPECT_EQ(IntArgs(model.predict.op(0)), expected);
}

TEST(NetBuilder, SplitGivesEqualPartsOfTheChannels) {
  NetBuilder net("split", {1, 6, 5, 5}, 1);
  const std::vector<Blob> parts = net.Split("halves", net.Input(), 2);
  ASSERT_EQ(parts.size(), 2u);
  const Model model = net.Build(net.Concat("both", {parts[1], parts[0]})).value();
  EXPECT_THAT(model.predict.op(0).output(), ElementsAre("halves_0", "halves_1"));
  for (const BlobShape& part : model.layers[0].outputs) {
    EXPECT_THAT(part.dims, ElementsAre(1, 3, 5, 5));
  }
  NetBuilder odd("odd", {1, 5, 2, 2}, 1);
  EXPECT_THAT(ErrorOf(odd.Build(odd.Split("s", odd.Input(), 2)[1])),
              HasSubstr("1x5x2x2 does not divide by 2 outputs"));
}

TEST(NetBuilder, ShuffleAndRelu6KeepTheShape) {
  NetBuilder net("shuffle", {1, 6, 5, 5}, 1);
  Blob x = net.ChannelShuffle("shuffle", net.Input(), 3);
  const Model model = net.Build(net.Relu6("relu6", x)).value();
  EXPECT_EQ(IntArgs(model.predict.op(0)).at("group"), 3);
  EXPECT_THAT(model.layers[0].outputs[0].dims, ElementsAre(1, 6, 5, 5));
  EXPECT_EQ(model.predict.op(1).type(), "Clip");
  EXPECT_EQ(model.predict.op(1).output(0), "shuffle");  // in place
  NetBuilder odd("odd", {1, 5, 2, 2}, 1);
  EXPECT_THAT(ErrorOf(odd.Build(odd.ChannelShuffle("s", odd.Input(), 2))), HasSubstr("'s'"));
}

TEST(NetBuilder, AnAveragePoolCountsItsPadding) {
  NetBuilder net("pool", {1, 1, 6, 6}, 1);
  const Model model =
      net.Build(net.AveragePool("pool", net.Input(), {.kernel = 3, .stride = 1, .pad = 1})).value();
  EXPECT_EQ(model.predict.op(0).type(), "AveragePool");
  EXPECT_EQ(IntArgs(model.predict.op(0)).at("count_include_pad"), 1);
  EXPECT_THAT(model.layers[0].outputs[0].dims, ElementsAre(1, 1, 6, 6));
}

TEST(NetBuilder, AnErrorNamesNetAndLayer) {
  NetBuilder net("broken", {1, 3, 8, 8}, 1);
  Blob x = net.Conv("fine", net.Input(), {.out = 4});
  x = net.Conv("too_wide", x, {.out = 4, .kernel = 9});
  x = net.Conv("after", x, {.out = 4, .group = 3});
  const std::string error = ErrorOf(net.Build(x));
  EXPECT_THAT(error, HasSubstr("broken"));
  EXPECT_THAT(error, HasSubstr("too_wide"));  // the first, not what follows from it
  EXPECT_THAT(error, HasSubstr("a window of 9 does not fit an input of 8"));
}

TEST(NetBuilder, RefusesShapesThatDoNotFit) {
  NetBuilder sum("sum", {1, 3, 8, 8}, 1);
  const Blob a = sum.Conv("a", sum.Input(), {.out = 4});
  EXPECT_THAT(ErrorOf(sum.Build(sum.Sum("s", {a, sum.Input()}))), HasSubstr("'s'"));

  NetBuilder concat("concat", {1, 3, 8, 8}, 1);
  const Blob b = concat.Conv("b", concat.Input(), {.out = 4, .stride = 2});
  EXPECT_THAT(ErrorOf(concat.Build(concat.Concat("c", {b, concat.Input()}))), HasSubstr("'c'"));

  NetBuilder bn("bn", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(bn.Build(bn.SpatialBn("n", bn.Fc("f", bn.Input(), {.out = 4})))),
              HasSubstr("'n'"));

  NetBuilder lrn("lrn", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(lrn.Build(lrn.Lrn("l", lrn.Input(), {.size = 0}))), HasSubstr("'l'"));
}

TEST(NetBuilder, ShapesFollowThePublishedTables) {
  const auto shape_of = [](const Dims& in, const ConvSpec& spec) {
    NetBuilder net("conv", in, 1);
    return net.Build(net.Conv("c", net.Input(), spec)).value().layers[0].outputs[0].dims;
  };
  // AlexNet's conv1 and conv2, ResNet's conv1, a strided 1x1 of version 1, a dilated kernel.
  EXPECT_THAT(shape_of({1, 3, 227, 227}, {.out = 96, .kernel = 11, .stride = 4}),
              ElementsAre(1, 96, 55, 55));
  EXPECT_THAT(shape_of({1, 96, 27, 27}, {.out = 256, .kernel = 5, .pad = 2, .group = 2}),
              ElementsAre(1, 256, 27, 27));
  EXPECT_THAT(shape_of({8, 3, 224, 224}, {.out = 64, .kernel = 7, .stride = 2, .pad = 3}),
              ElementsAre(8, 64, 112, 112));
  EXPECT_THAT(shape_of({1, 256, 56, 56}, {.out = 128, .stride = 2}), ElementsAre(1, 128, 28, 28));
  EXPECT_THAT(shape_of({1, 1, 9, 8}, {.out = 1, .kernel = 3, .dilation = 3}),
              ElementsAre(1, 1, 3, 2));
}

TEST(NetBuilder, RefusesConvolutionsThatCannotBe) {
  const std::vector<std::pair<Dims, ConvSpec>> bad = {
      {{1, 3, 4}, {.out = 1}},                                 // not an image
      {{5}, {.out = 1}},                                       // nor this
      {{1, 3, 4, 4}, {.out = 4, .group = 2}},                  // 3 channels in 2 groups
      {{1, 4, 4, 4}, {.out = 3, .group = 2}},                  // 3 outputs in 2 groups
      {{1, 4, 4, 4}, {.out = 4, .group = 8}},                  // more groups than channels
      {{1, 4, 4, 4}, {.out = 4, .group = 0}},                  // no group
      {{1, 3, 4, 4}, {.out = 0}},                              // no output
      {{1, 3, 4, 4}, {.out = -1}},                             // less
      {{1, 3, 4, 4}, {.out = 1, .kernel = 5}},                 // kernel beyond the input
      {{1, 3, 4, 4}, {.out = 1, .kernel = 3, .dilation = 2}},  // dilated beyond the input
      {{1, 3, 4, 4}, {.out = int64_t{1} << 40}},
  };
  for (const auto& [in, spec] : bad) {
    NetBuilder net("bad", in, 1);
    EXPECT_THAT(ErrorOf(net.Build(net.Conv("c", net.Input(), spec))), HasSubstr("'c'"))
        << FormatShape(in) << " kernel " << spec.kernel << " out " << spec.out;
  }
}

TEST(NetBuilder, RefusesAPoolOnPaddingAlone) {
  NetBuilder net("pool", {1, 1, 4, 4}, 1);
  EXPECT_THAT(ErrorOf(net.Build(net.MaxPool("p", net.Input(), {.kernel = 2, .pad = 2}))),
              HasSubstr("a pad of 2 is not smaller than the kernel"));
}

TEST(NetBuilder, RefusesToSplitIntoNothing) {
  NetBuilder net("split", {1, 6, 5, 5}, 1);
  EXPECT_TRUE(net.Split("s", net.Input(), 0).empty());
  EXPECT_THAT(ErrorOf(net.Build(net.Input())), HasSubstr("'s'"));
}

TEST(NetBuilder, AConcatsSecondOutputIsOfIntegers) {
  NetBuilder net("concat", {1, 3, 5, 5}, 1);
  const Blob a = net.Conv("a", net.Input(), {.out = 2});
  const Model model = net.Build(net.Concat("both", {a, net.Input()})).value();
  EXPECT_EQ(model.layers[1].outputs[0].type, v1::DATA_TYPE_FLOAT32);
  EXPECT_EQ(model.layers[1].outputs[1].type, v1::DATA_TYPE_INT32);
}

TEST(NetBuilder, RefusesNamesThatAreTakenOrUnknown) {
  NetBuilder twice("twice", {1, 3, 8, 8}, 1);
  const Blob x = twice.Conv("same", twice.Input(), {.out = 3});
  EXPECT_THAT(ErrorOf(twice.Build(twice.Conv("same", x, {.out = 3}))), HasSubstr("same"));

  NetBuilder shadow("shadow", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(shadow.Build(shadow.Conv("data", shadow.Input(), {.out = 3}))),
              HasSubstr("exists already"));

  NetBuilder unknown("unknown", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(unknown.Build(unknown.Relu("r", {"nothing"}))), HasSubstr("'nothing'"));

  NetBuilder empty("empty", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(empty.Build(empty.Input())), HasSubstr("no layer"));
  NetBuilder none("none", {1, 3, 8, 8}, 1);
  EXPECT_THAT(ErrorOf(none.Build(none.Concat("c", {}))), HasSubstr("no input"));
}

TEST(NetBuilder, RefusesABatchThatIsNoneOrTooLarge) {
  EXPECT_THAT(ErrorOf(SmallNet(0)), HasSubstr("data"));
  EXPECT_THAT(ErrorOf(SmallNet(-3)), HasSubstr("dimension below 1"));
  EXPECT_THAT(ErrorOf(SmallNet(int64_t{1} << 40)), HasSubstr("smaller batch"));
}

TEST(NetBuilder, SameSeedGivesTheSameBytesAndAnotherSeedOtherWeightsOnly) {
  const Model a = SmallNet(1, 42).value();
  const Model b = SmallNet(1, 42).value();
  const Model c = SmallNet(1, 43).value();
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(b.predict));
  EXPECT_EQ(*SerializeNet(a.init), *SerializeNet(b.init));
  EXPECT_EQ(*SerializeNet(a.predict), *SerializeNet(c.predict));
  EXPECT_NE(*SerializeNet(a.init), *SerializeNet(c.init));
}

TEST(SerializeNet, GivesBytesThatParseBack) {
  const Model model = SmallNet().value();
  caffe2::NetDef parsed;
  ASSERT_TRUE(parsed.ParseFromString(*SerializeNet(model.predict)));
  EXPECT_EQ(parsed.SerializeAsString(), model.predict.SerializeAsString());
}

TEST(OpSpecOf, ReadsScalarsListsOrderAndInPlace) {
  caffe2::OperatorDef def;
  def.set_type("MaxPool");
  def.add_input("x");
  def.add_output("y");
  AddIntArg(def, "stride", 2);
  AddFloatArg(def, "ignored", 0.5);
  caffe2::Argument* kernels = def.add_arg();
  kernels->set_name("kernels");
  kernels->add_ints(3);
  kernels->add_ints(5);
  caffe2::Argument* order = def.add_arg();
  order->set_name("order");
  order->set_s("NHWC");
  const OpSpec spec = OpSpecOf(def);
  EXPECT_EQ(spec.type, "MaxPool");
  EXPECT_THAT(spec.ints.at("stride"), ElementsAre(2));
  EXPECT_THAT(spec.ints.at("kernels"), ElementsAre(3, 5));
  EXPECT_FALSE(spec.ints.contains("ignored"));
  EXPECT_EQ(spec.order, "NHWC");
  EXPECT_FALSE(spec.in_place);
  def.set_output(0, "x");
  EXPECT_TRUE(OpSpecOf(def).in_place);
}

TEST(SeedOfBlob, DiffersByBlobAndByRunAndFitsAnInt) {
  std::set<uint32_t> seeds;
  for (uint64_t run = 0; run < 100; ++run) {
    for (int blob = 0; blob < 100; ++blob) {
      const uint32_t seed = SeedOfBlob(run, fmt::format("w{}", blob));
      EXPECT_LE(seed, 0x7fffffffu);
      seeds.insert(seed);
    }
  }
  EXPECT_GE(seeds.size(), 9990u);  // 10000 draws of 2^31: 0.02 collisions expected
}

TEST(WeightFiller, DrawsWithTheVarianceAskedFor) {
  const auto op = WeightFiller("w", {8, 4, 3, 3}, kGainRelu, 36, 1);
  EXPECT_EQ(op.arg(1).name(), "min");
  EXPECT_EQ(op.arg(2).name(), "max");
  EXPECT_FLOAT_EQ(op.arg(1).f(), -op.arg(2).f());
  EXPECT_NEAR(op.arg(2).f() * op.arg(2).f() / 3, 2.0 / 36, 1e-7);
}

}  // namespace
}  // namespace synergy
