#include <string>
#include <vector>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// Ma et al. 2018, table 5 (1x) and figure 3 (c) and (d).
namespace synergy {
namespace {

// A row of table 5: the first unit of a stage halves the maps.
struct Stage {
  int number;
  int64_t channels;
  int units;
};

constexpr Stage kStages[] = {{2, 116, 4}, {3, 232, 8}, {4, 464, 4}};

// No Relu follows a depthwise convolution.
Blob Depthwise(NetBuilder& net, const std::string& name, const Blob& x, int64_t channels,
               int64_t stride) {
  return ConvBn(net, name, x,
                {.out = channels, .kernel = 3, .stride = stride, .pad = 1, .group = channels});
}

// 1x1, 3x3 depthwise, 1x1: the right branch of both figures, to `out` channels.
Blob RightBranch(NetBuilder& net, const std::string& name, const Blob& x, int64_t out,
                 int64_t stride) {
  Blob y = ConvBnRelu(net, name + "_1x1a", x, {.out = out});
  y = Depthwise(net, name + "_dw", y, out, stride);
  return ConvBnRelu(net, name + "_1x1b", y, {.out = out, .gain = kGainLinear});
}

// Figure 3 (c): half of the channels pass as they are.
Blob Unit(NetBuilder& net, const std::string& name, const Blob& x, int64_t channels) {
  const std::vector<Blob> halves = net.Split(name + "/split", x, 2);
  const Blob right = RightBranch(net, name + "/branch2", halves[1], channels / 2, 1);
  return net.ChannelShuffle(name + "/shuffle", net.Concat(name + "/concat", {halves[0], right}), 2);
}

// Figure 3 (d): both branches see all channels.
Blob DownUnit(NetBuilder& net, const std::string& name, const Blob& x, int64_t in,
              int64_t channels) {
  Blob left = Depthwise(net, name + "/branch1_dw", x, in, 2);
  left = ConvBnRelu(net, name + "/branch1_1x1", left, {.out = channels / 2, .gain = kGainLinear});
  const Blob right = RightBranch(net, name + "/branch2", x, channels / 2, 2);
  return net.ChannelShuffle(name + "/shuffle", net.Concat(name + "/concat", {left, right}), 2);
}

}  // namespace

absl::StatusOr<Model> BuildShuffleNetV2(int64_t batch, uint64_t seed) {
  NetBuilder net("shufflenet_v2_x1_0", {batch, 3, 224, 224}, seed);
  Blob x = ConvBnRelu(net, "conv1", net.Input(), {.out = 24, .kernel = 3, .stride = 2, .pad = 1});
  x = net.MaxPool("maxpool", x, {.kernel = 3, .stride = 2, .pad = 1});
  int64_t channels = 24;
  for (const Stage& stage : kStages) {
    for (int i = 1; i <= stage.units; ++i) {
      const std::string name = fmt::format("stage{}_{}", stage.number, i);
      x = i == 1 ? DownUnit(net, name, x, channels, stage.channels)
                 : Unit(net, name, x, stage.channels);
    }
    channels = stage.channels;
  }
  x = ConvBnRelu(net, "conv5", x, {.out = 1024});
  x = net.GlobalAveragePool("globalpool", x);
  x = net.Fc("fc", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
