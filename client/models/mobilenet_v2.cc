#include <string>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// Sandler et al. 2018, table 2. The paper names no layers; bottleneck3_2 is the second block of the
// third row of bottlenecks.
namespace synergy {
namespace {

// A row of table 2, with its letters: expansion t, output channels c, repeated n times, the first
// of them with stride s.
struct Row {
  int64_t t, c, n, s;
};

constexpr Row kRows[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                         {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

constexpr int64_t SumCount() {
  int64_t sums = 0;
  for (const Row& row : kRows) sums += row.n - 1;
  return sums;
}

Blob ConvBnRelu6(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv) {
  return net.Relu6(name + "_relu6", ConvBn(net, name, x, conv));
}

// 1x1 that expands, 3x3 depthwise, and 1x1 that projects without a nonlinearity after it. Shortcuts
// join the thin ends.
Blob Bottleneck(NetBuilder& net, const std::string& name, const Blob& x, int64_t in, const Row& row,
                int64_t stride) {
  const int64_t inner = in * row.t;
  Blob y = x;
  // What comes in has passed no Relu, except at the first block.
  if (row.t > 1) y = ConvBnRelu6(net, name + "/expand", y, {.out = inner, .gain = kGainLinear});
  y = ConvBnRelu6(net, name + "/dwise", y,
                  {.out = inner, .kernel = 3, .stride = stride, .pad = 1, .group = inner});
  const bool shortcut = stride == 1 && in == row.c;
  y = ConvBn(net, name + "/project", y, {.out = row.c},
             {.scale = shortcut ? BranchScale(SumCount()) : 1.0});
  return shortcut ? net.Sum(name + "/sum", {x, y}) : y;
}

}  // namespace

absl::StatusOr<Model> BuildMobileNetV2(int64_t batch, uint64_t seed) {
  NetBuilder net("mobilenet_v2", {batch, 3, 224, 224}, seed);
  Blob x = ConvBnRelu6(net, "conv1", net.Input(), {.out = 32, .kernel = 3, .stride = 2, .pad = 1});
  int64_t channels = 32;
  int number = 0;
  for (const Row& row : kRows) {
    ++number;
    for (int64_t i = 0; i < row.n; ++i) {
      x = Bottleneck(net, fmt::format("bottleneck{}_{}", number, i + 1), x, channels, row,
                     i == 0 ? row.s : 1);
      channels = row.c;
    }
  }
  x = ConvBnRelu6(net, "conv9", x, {.out = 1280, .gain = kGainLinear});
  x = net.Dropout("dropout", net.GlobalAveragePool("pool", x));
  x = net.Fc("fc", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
