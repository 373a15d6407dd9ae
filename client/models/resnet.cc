#include <string>

#include "client/models/net_builder.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// He et al. 2015, table 1, with the names of the authors' Caffe model. SpatialBN does the work of
// its BatchNorm and Scale together, under BatchNorm's name; it is not folded into the convolution.
namespace synergy {
namespace {

// A row of table 1: `blocks` bottlenecks of 1x1 `width`, 3x3 `width`, 1x1 4 * `width`.
struct Stage {
  int name;
  int64_t blocks;
  int64_t width;
  int64_t stride;  // of its first block
};

constexpr Stage kResNet50[] = {{2, 3, 64, 1}, {3, 4, 128, 2}, {4, 6, 256, 2}, {5, 3, 512, 2}};

// Every block adds its branch to what came before. With seeded weights, unlike trained ones, the
// activations would double per block; a branch scaled by 1/sqrt(16 blocks) keeps them level.
constexpr double kBranchScale = 0.25;

Blob ConvBn(NetBuilder& net, const std::string& name, const Blob& x, ConvSpec conv,
            double scale = 1.0) {
  conv.bias = false;
  return net.SpatialBn("bn" + name, net.Conv("res" + name, x, conv), {.scale = scale});
}

// Version 1: the stride is in the first 1x1 convolution (and the shortcut).
Blob Bottleneck(NetBuilder& net, const std::string& name, const Blob& x, int64_t width,
                int64_t stride, bool project) {
  const std::string branch = name + "_branch2";
  Blob y = ConvBn(net, branch + "a", x, {.out = width, .stride = stride});
  y = net.Relu("res" + branch + "a_relu", y);
  y = ConvBn(net, branch + "b", y, {.out = width, .kernel = 3, .pad = 1});
  y = net.Relu("res" + branch + "b_relu", y);
  y = ConvBn(net, branch + "c", y, {.out = 4 * width}, kBranchScale);
  Blob shortcut = x;
  if (project) {
    shortcut = ConvBn(net, name + "_branch1", x, {.out = 4 * width, .stride = stride});
  }
  return net.Relu("res" + name + "_relu", net.Sum("res" + name, {shortcut, y}));
}

}  // namespace

absl::StatusOr<Model> BuildResNet50(int64_t batch, uint64_t seed) {
  NetBuilder net("resnet50", {batch, 3, 224, 224}, seed);
  Blob x = net.Conv("conv1", net.Input(),
                    {.out = 64, .kernel = 7, .stride = 2, .pad = 3, .bias = false});
  x = net.Relu("conv1_relu", net.SpatialBn("bn_conv1", x));
  x = net.MaxPool("pool1", x, {.kernel = 3, .stride = 2, .ceil = true});
  for (const Stage& stage : kResNet50) {
    for (int64_t block = 0; block < stage.blocks; ++block) {
      const std::string name = fmt::format("{}{}", stage.name, static_cast<char>('a' + block));
      x = Bottleneck(net, name, x, stage.width, block == 0 ? stage.stride : 1, block == 0);
    }
  }
  x = net.GlobalAveragePool("pool5", x);
  x = net.Fc("fc1000", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
