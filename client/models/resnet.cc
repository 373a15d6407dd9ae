#include <string>
#include <vector>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// He et al. 2015, table 1, and Zagoruyko and Komodakis 2016 (wide). Blocks and their convolutions
// have the names of the authors' Caffe model: res4b/branch2a is the first convolution of the second
// block of conv4_x, branch1 a projected shortcut. SpatialBN does the work of Caffe's BatchNorm and
// Scale together; it is not folded into the convolution.
namespace synergy {
namespace {

// The sums leave the activations some times larger than they came in; the classifier takes that
// back, or a single class would have all of the probability.
constexpr double kGainClassifier = kGainLinear / 4;

struct ResNet {
  std::string_view name;
  std::vector<int64_t> blocks;  // of conv2_x to conv5_x
  bool bottleneck = true;       // blocks of 1x1, 3x3, 1x1; otherwise of two 3x3
  // Bottlenecks that halve the maps: the paper (version 1) has the stride in their first 1x1
  // convolution, version 1.5 in their 3x3.
  bool stride_in_3x3 = false;
  int64_t width_factor = 1;  // of what is inside a bottleneck

  int64_t BlockCount() const {
    int64_t count = 0;
    for (int64_t n : blocks) count += n;
    return count;
  }
};

struct Block {
  std::string name;
  int64_t width;  // of conv2_x 64, then doubled from stage to stage
  int64_t stride;
  double branch_scale;
};

Blob BasicBranch(NetBuilder& net, const Block& block, const Blob& x) {
  const Blob y = ConvBnRelu(net, block.name + "/branch2a", x,
                            {.out = block.width, .kernel = 3, .stride = block.stride, .pad = 1});
  return ConvBn(net, block.name + "/branch2b", y, {.out = block.width, .kernel = 3, .pad = 1},
                {.scale = block.branch_scale});
}

Blob BottleneckBranch(NetBuilder& net, const ResNet& spec, const Block& block, const Blob& x) {
  const int64_t inner = block.width * spec.width_factor;
  const int64_t first = spec.stride_in_3x3 ? 1 : block.stride;
  Blob y = ConvBnRelu(net, block.name + "/branch2a", x, {.out = inner, .stride = first});
  y = ConvBnRelu(net, block.name + "/branch2b", y,
                 {.out = inner, .kernel = 3, .stride = block.stride / first, .pad = 1});
  return ConvBn(net, block.name + "/branch2c", y, {.out = 4 * block.width},
                {.scale = block.branch_scale});
}

Blob AddBlock(NetBuilder& net, const ResNet& spec, const Block& block, const Blob& x,
              bool project) {
  const Blob y =
      spec.bottleneck ? BottleneckBranch(net, spec, block, x) : BasicBranch(net, block, x);
  Blob shortcut = x;
  if (project) {
    const int64_t out = spec.bottleneck ? 4 * block.width : block.width;
    shortcut = ConvBn(net, block.name + "/branch1", x, {.out = out, .stride = block.stride});
  }
  return net.Relu(block.name + "/relu", net.Sum(block.name + "/sum", {shortcut, y}));
}

// The authors number the blocks of the longer stages: "a", "b1", "b2" and so on.
std::string BlockName(size_t stage, int64_t block, int64_t blocks) {
  constexpr int64_t kLettered = 6;
  if (block > 0 && blocks > kLettered) return fmt::format("res{}b{}", stage, block);
  return fmt::format("res{}{}", stage, static_cast<char>('a' + block));
}

absl::StatusOr<Model> BuildResNet(const ResNet& spec, int64_t batch, uint64_t seed) {
  NetBuilder net(spec.name, {batch, 3, 224, 224}, seed);
  Blob x = ConvBnRelu(net, "conv1", net.Input(), {.out = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = net.MaxPool("pool1", x, {.kernel = 3, .stride = 2, .ceil = true});
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const size_t stage = i + 2;
    for (int64_t block = 0; block < spec.blocks[i]; ++block) {
      const bool first = block == 0;
      // Without a bottleneck conv2_x has as many channels as what comes in.
      const bool project = first && (spec.bottleneck || i > 0);
      x = AddBlock(net, spec,
                   {BlockName(stage, block, spec.blocks[i]), int64_t{64} << i,
                    first && i > 0 ? 2 : 1, BranchScale(spec.BlockCount())},
                   x, project);
    }
  }
  x = net.GlobalAveragePool("pool5", x);
  x = net.Fc("fc1000", x, {.out = 1000, .gain = kGainClassifier});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace

absl::StatusOr<Model> BuildResNet18(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet18", .blocks = {2, 2, 2, 2}, .bottleneck = false}, batch,
                     seed);
}

absl::StatusOr<Model> BuildResNet34(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet34", .blocks = {3, 4, 6, 3}, .bottleneck = false}, batch,
                     seed);
}

absl::StatusOr<Model> BuildResNet50(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet50", .blocks = {3, 4, 6, 3}}, batch, seed);
}

absl::StatusOr<Model> BuildResNet50V15(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet50_v1.5", .blocks = {3, 4, 6, 3}, .stride_in_3x3 = true},
                     batch, seed);
}

absl::StatusOr<Model> BuildResNet101(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet101", .blocks = {3, 4, 23, 3}, .stride_in_3x3 = true}, batch,
                     seed);
}

absl::StatusOr<Model> BuildResNet152(int64_t batch, uint64_t seed) {
  return BuildResNet({.name = "resnet152", .blocks = {3, 8, 36, 3}, .stride_in_3x3 = true}, batch,
                     seed);
}

absl::StatusOr<Model> BuildWideResNet50(int64_t batch, uint64_t seed) {
  return BuildResNet(
      {.name = "wide_resnet50_2", .blocks = {3, 4, 6, 3}, .stride_in_3x3 = true, .width_factor = 2},
      batch, seed);
}

}  // namespace synergy
