#include <string>

#include "client/models/net_builder.h"
#include "client/models/networks.h"

// Szegedy et al. 2015, table 1, as bvlc_googlenet has it, with its names. The two
// auxiliary classifiers are for training only.
namespace synergy {
namespace {

// A row of table 1. Each of the "reduce" and "proj" columns is a 1x1 convolution.
struct Inception {
  const char* name;
  int64_t conv1x1;
  int64_t reduce3x3, conv3x3;
  int64_t reduce5x5, conv5x5;
  int64_t pool_proj;
};

constexpr Inception kStage3[] = {{"inception_3a", 64, 96, 128, 16, 32, 32},
                                 {"inception_3b", 128, 128, 192, 32, 96, 64}};
constexpr Inception kStage4[] = {{"inception_4a", 192, 96, 208, 16, 48, 64},
                                 {"inception_4b", 160, 112, 224, 24, 64, 64},
                                 {"inception_4c", 128, 128, 256, 24, 64, 64},
                                 {"inception_4d", 112, 144, 288, 32, 64, 64},
                                 {"inception_4e", 256, 160, 320, 32, 128, 128}};
constexpr Inception kStage5[] = {{"inception_5a", 256, 160, 320, 32, 128, 128},
                                 {"inception_5b", 384, 192, 384, 48, 128, 128}};

constexpr PoolSpec kPool = {.kernel = 3, .stride = 2, .ceil = true};

// Maximum pooling raises the mean square; the layer after it takes it back, or the many pools in a
// row would drive the activations up.
constexpr double kGainAfterPool = kGainRelu / 2;

// `module`/`conv` and `module`/relu_`conv`.
Blob ConvRelu(NetBuilder& net, const std::string& module, const std::string& conv, const Blob& x,
              const ConvSpec& spec) {
  return net.Relu(module + "/relu_" + conv, net.Conv(module + "/" + conv, x, spec));
}

Blob AddInception(NetBuilder& net, const Inception& row, const Blob& x) {
  const std::string name = row.name;
  const Blob b1 = ConvRelu(net, name, "1x1", x, {.out = row.conv1x1});
  const Blob r3 = ConvRelu(net, name, "3x3_reduce", x, {.out = row.reduce3x3});
  const Blob b3 = ConvRelu(net, name, "3x3", r3, {.out = row.conv3x3, .kernel = 3, .pad = 1});
  const Blob r5 = ConvRelu(net, name, "5x5_reduce", x, {.out = row.reduce5x5});
  const Blob b5 = ConvRelu(net, name, "5x5", r5, {.out = row.conv5x5, .kernel = 5, .pad = 2});
  const Blob pool = net.MaxPool(name + "/pool", x, {.kernel = 3, .stride = 1, .pad = 1});
  const Blob proj =
      ConvRelu(net, name, "pool_proj", pool, {.out = row.pool_proj, .gain = kGainAfterPool});
  return net.Concat(name + "/output", {b1, b3, b5, proj});
}

}  // namespace

absl::StatusOr<Model> BuildGoogLeNet(int64_t batch, uint64_t seed) {
  constexpr LrnSpec kNorm = {.size = 5, .alpha = 1e-4, .beta = 0.75};
  NetBuilder net("googlenet", {batch, 3, 224, 224}, seed);

  Blob x = ConvRelu(net, "conv1", "7x7_s2", net.Input(),
                    {.out = 64, .kernel = 7, .stride = 2, .pad = 3});
  x = net.Lrn("pool1/norm1", net.MaxPool("pool1/3x3_s2", x, kPool), kNorm);
  x = ConvRelu(net, "conv2", "3x3_reduce", x, {.out = 64, .gain = kGainAfterPool});
  x = ConvRelu(net, "conv2", "3x3", x, {.out = 192, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool2/3x3_s2", net.Lrn("conv2/norm2", x, kNorm), kPool);

  for (const Inception& row : kStage3) x = AddInception(net, row, x);
  x = net.MaxPool("pool3/3x3_s2", x, kPool);
  for (const Inception& row : kStage4) x = AddInception(net, row, x);
  x = net.MaxPool("pool4/3x3_s2", x, kPool);
  for (const Inception& row : kStage5) x = AddInception(net, row, x);

  x = net.AveragePool("pool5/7x7_s1", x, {.kernel = 7});
  x = net.Dropout("pool5/drop_7x7_s1", x);
  x = net.Fc("loss3/classifier", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
