#include <string>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Howard et al. 2017, table 1, at the widths of table 6. The paper names no layers: the names are
// those of the Caffe model by shicai (MobileNet-Caffe). SpatialBN is not folded into the
// convolutions.
namespace synergy {
namespace {

// A row of table 1: 3x3 depthwise convolution of the stride, then 1x1 convolution.
struct Separable {
  const char* name;
  int64_t stride;
  int64_t in;  // channels at width 1.0
  int64_t out;
};

constexpr Separable kBody[] = {
    {"conv2_1", 1, 32, 64},   {"conv2_2", 2, 64, 128},  {"conv3_1", 1, 128, 128},
    {"conv3_2", 2, 128, 256}, {"conv4_1", 1, 256, 256}, {"conv4_2", 2, 256, 512},
    {"conv5_1", 1, 512, 512}, {"conv5_2", 1, 512, 512}, {"conv5_3", 1, 512, 512},
    {"conv5_4", 1, 512, 512}, {"conv5_5", 1, 512, 512}, {"conv5_6", 2, 512, 1024},
    {"conv6", 1, 1024, 1024},
};

// `quarters` of the channels of table 1, in every layer.
absl::StatusOr<Model> Build(std::string_view name, int64_t quarters, int64_t batch, uint64_t seed) {
  const auto scaled = [&](int64_t channels) { return channels * quarters / 4; };
  NetBuilder net(name, {batch, 3, 224, 224}, seed);
  Blob x = ConvBnRelu(net, "conv1", net.Input(),
                      {.out = scaled(32), .kernel = 3, .stride = 2, .pad = 1});
  for (const Separable& row : kBody) {
    const std::string module = row.name;
    const int64_t in = scaled(row.in);
    x = ConvBnRelu(net, module + "/dw", x,
                   {.out = in, .kernel = 3, .stride = row.stride, .pad = 1, .group = in});
    x = ConvBnRelu(net, module + "/sep", x, {.out = scaled(row.out)});
  }
  x = net.GlobalAveragePool("pool6", x);
  x = net.Fc("fc7", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace

absl::StatusOr<Model> BuildMobileNet(int64_t batch, uint64_t seed) {
  return Build("mobilenet", 4, batch, seed);
}

absl::StatusOr<Model> BuildMobileNet075(int64_t batch, uint64_t seed) {
  return Build("mobilenet_0.75", 3, batch, seed);
}

absl::StatusOr<Model> BuildMobileNet050(int64_t batch, uint64_t seed) {
  return Build("mobilenet_0.5", 2, batch, seed);
}

absl::StatusOr<Model> BuildMobileNet025(int64_t batch, uint64_t seed) {
  return Build("mobilenet_0.25", 1, batch, seed);
}

}  // namespace synergy
