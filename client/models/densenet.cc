#include <string>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"
#include "fmt/format.h"

// Huang et al. 2017, table 1, DenseNet-121 (growth rate 32, compression 0.5), with torchvision's
// names. SpatialBN and Relu come before their convolution and cannot be folded into it.
namespace synergy {
namespace {

constexpr int64_t kGrowth = 32;
constexpr int kLayers[] = {6, 12, 24, 16};  // of the four dense blocks

Blob BnReluConv(NetBuilder& net, const std::string& module, const std::string& number,
                const Blob& x, ConvSpec conv) {
  conv.bias = false;
  const Blob y = net.Relu(module + "/relu" + number, net.SpatialBn(module + "/norm" + number, x));
  return net.Conv(module + "/conv" + number, y, conv);
}

// Adds kGrowth channels to those that it was given.
Blob DenseLayer(NetBuilder& net, const std::string& module, const Blob& x) {
  Blob y = BnReluConv(net, module, "1", x, {.out = 4 * kGrowth});
  y = BnReluConv(net, module, "2", y, {.out = kGrowth, .kernel = 3, .pad = 1});
  return net.Concat(module + "/concat", {x, y});
}

}  // namespace

absl::StatusOr<Model> BuildDenseNet121(int64_t batch, uint64_t seed) {
  NetBuilder net("densenet121", {batch, 3, 224, 224}, seed);
  int64_t channels = 2 * kGrowth;
  Blob x =
      ConvBnRelu(net, "conv0", net.Input(), {.out = channels, .kernel = 7, .stride = 2, .pad = 3});
  x = net.MaxPool("pool0", x, {.kernel = 3, .stride = 2, .pad = 1});
  for (int block = 1; block <= 4; ++block) {
    for (int layer = 1; layer <= kLayers[block - 1]; ++layer) {
      x = DenseLayer(net, fmt::format("denseblock{}/denselayer{}", block, layer), x);
      channels += kGrowth;
    }
    if (block == 4) break;
    const std::string module = fmt::format("transition{}", block);
    channels /= 2;
    x = BnReluConv(net, module, "", x, {.out = channels});
    x = net.AveragePool(module + "/pool", x, {.kernel = 2, .stride = 2});
  }
  x = net.Relu("relu5", net.SpatialBn("norm5", x));
  x = net.GlobalAveragePool("pool5", x);
  x = net.Fc("classifier", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
