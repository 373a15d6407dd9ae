#include <string>

#include "client/models/net_builder.h"
#include "client/models/networks.h"

// Howard et al. 2017, table 1, width 1.0. The paper names no layers: the names are those of the
// Caffe model by shicai (MobileNet-Caffe). SpatialBN is not folded into the convolutions.
namespace synergy {
namespace {

Blob ConvBnRelu(NetBuilder& net, const std::string& name, const Blob& x, ConvSpec conv) {
  conv.bias = false;
  const Blob y = net.SpatialBn("conv" + name + "/bn", net.Conv("conv" + name, x, conv));
  return net.Relu("relu" + name, y);
}

// A row of table 1: 3x3 depthwise convolution of the stride, then 1x1 convolution.
struct Separable {
  const char* name;
  int64_t stride;
  int64_t in;
  int64_t out;
};

constexpr Separable kBody[] = {
    {"2_1", 1, 32, 64},   {"2_2", 2, 64, 128},  {"3_1", 1, 128, 128}, {"3_2", 2, 128, 256},
    {"4_1", 1, 256, 256}, {"4_2", 2, 256, 512}, {"5_1", 1, 512, 512}, {"5_2", 1, 512, 512},
    {"5_3", 1, 512, 512}, {"5_4", 1, 512, 512}, {"5_5", 1, 512, 512}, {"5_6", 2, 512, 1024},
    {"6", 1, 1024, 1024},
};

}  // namespace

absl::StatusOr<Model> BuildMobileNet(int64_t batch, uint64_t seed) {
  NetBuilder net("mobilenet", {batch, 3, 224, 224}, seed);
  Blob x = ConvBnRelu(net, "1", net.Input(), {.out = 32, .kernel = 3, .stride = 2, .pad = 1});
  for (const Separable& row : kBody) {
    const std::string name = row.name;
    x = ConvBnRelu(net, name + "/dw", x,
                   {.out = row.in, .kernel = 3, .stride = row.stride, .pad = 1, .group = row.in});
    x = ConvBnRelu(net, name + "/sep", x, {.out = row.out});
  }
  x = net.GlobalAveragePool("pool6", x);
  x = net.Fc("fc7", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
