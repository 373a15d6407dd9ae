#include <string>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Szegedy et al. 2016, table 1, in the version that TensorFlow and torchvision have, with their
// names (Mixed_5b is the first module at 35x35). The auxiliary classifier is for training only.
namespace synergy {
namespace {

// ConvBnRelu with the epsilon of the released weights.
Blob Unit(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv) {
  return ConvBnRelu(net, name, x, conv, {.epsilon = 1e-3});
}

constexpr ConvSpec Conv1x1(int64_t out) { return {.out = out}; }
constexpr ConvSpec Conv3x3(int64_t out) { return {.out = out, .kernel = 3, .pad = 1}; }
constexpr ConvSpec Halve3x3(int64_t out) { return {.out = out, .kernel = 3, .stride = 2}; }
// Height first, as in the paper.
constexpr ConvSpec Conv1xN(int64_t out, int64_t n) {
  return {.out = out, .kernel = 1, .pad = 0, .kernel_w = n, .pad_w = n / 2};
}
constexpr ConvSpec ConvNx1(int64_t out, int64_t n) {
  return {.out = out, .kernel = n, .pad = n / 2, .kernel_w = 1, .pad_w = 0};
}

Blob ProjectedPool(NetBuilder& net, const std::string& module, const Blob& x, int64_t out) {
  const Blob pool = net.AveragePool(module + "pool", x, {.kernel = 3, .stride = 1, .pad = 1});
  return Unit(net, module + "branch_pool", pool, Conv1x1(out));
}

// Figure 5 of the paper, with a 5x5 convolution in one branch.
Blob InceptionA(NetBuilder& net, const std::string& name, const Blob& x, int64_t pool_proj) {
  const std::string m = name + "/";
  const Blob b1 = Unit(net, m + "branch1x1", x, Conv1x1(64));
  Blob b5 = Unit(net, m + "branch5x5_1", x, Conv1x1(48));
  b5 = Unit(net, m + "branch5x5_2", b5, {.out = 64, .kernel = 5, .pad = 2});
  Blob d3 = Unit(net, m + "branch3x3dbl_1", x, Conv1x1(64));
  d3 = Unit(net, m + "branch3x3dbl_2", d3, Conv3x3(96));
  d3 = Unit(net, m + "branch3x3dbl_3", d3, Conv3x3(96));
  return net.Concat(m + "output", {b1, b5, d3, ProjectedPool(net, m, x, pool_proj)});
}

// From 35x35 to 17x17.
Blob ReductionB(NetBuilder& net, const std::string& name, const Blob& x) {
  const std::string m = name + "/";
  const Blob b3 = Unit(net, m + "branch3x3", x, Halve3x3(384));
  Blob d3 = Unit(net, m + "branch3x3dbl_1", x, Conv1x1(64));
  d3 = Unit(net, m + "branch3x3dbl_2", d3, Conv3x3(96));
  d3 = Unit(net, m + "branch3x3dbl_3", d3, Halve3x3(96));
  const Blob pool = net.MaxPool(m + "pool", x, {.kernel = 3, .stride = 2});
  return net.Concat(m + "output", {b3, d3, pool});
}

// Figure 6: 7x7 convolutions in two steps; `c7` channels between the steps.
Blob InceptionC(NetBuilder& net, const std::string& name, const Blob& x, int64_t c7) {
  const std::string m = name + "/";
  const Blob b1 = Unit(net, m + "branch1x1", x, Conv1x1(192));
  Blob b7 = Unit(net, m + "branch7x7_1", x, Conv1x1(c7));
  b7 = Unit(net, m + "branch7x7_2", b7, Conv1xN(c7, 7));
  b7 = Unit(net, m + "branch7x7_3", b7, ConvNx1(192, 7));
  Blob d7 = Unit(net, m + "branch7x7dbl_1", x, Conv1x1(c7));
  d7 = Unit(net, m + "branch7x7dbl_2", d7, ConvNx1(c7, 7));
  d7 = Unit(net, m + "branch7x7dbl_3", d7, Conv1xN(c7, 7));
  d7 = Unit(net, m + "branch7x7dbl_4", d7, ConvNx1(c7, 7));
  d7 = Unit(net, m + "branch7x7dbl_5", d7, Conv1xN(192, 7));
  return net.Concat(m + "output", {b1, b7, d7, ProjectedPool(net, m, x, 192)});
}

// From 17x17 to 8x8.
Blob ReductionD(NetBuilder& net, const std::string& name, const Blob& x) {
  const std::string m = name + "/";
  Blob b3 = Unit(net, m + "branch3x3_1", x, Conv1x1(192));
  b3 = Unit(net, m + "branch3x3_2", b3, Halve3x3(320));
  Blob b7 = Unit(net, m + "branch7x7x3_1", x, Conv1x1(192));
  b7 = Unit(net, m + "branch7x7x3_2", b7, Conv1xN(192, 7));
  b7 = Unit(net, m + "branch7x7x3_3", b7, ConvNx1(192, 7));
  b7 = Unit(net, m + "branch7x7x3_4", b7, Halve3x3(192));
  const Blob pool = net.MaxPool(m + "pool", x, {.kernel = 3, .stride = 2});
  return net.Concat(m + "output", {b3, b7, pool});
}

// 1x3 and 3x1 side by side.
Blob Spread(NetBuilder& net, const std::string& name, const Blob& x) {
  const Blob a = Unit(net, name + "a", x, Conv1xN(384, 3));
  const Blob b = Unit(net, name + "b", x, ConvNx1(384, 3));
  return net.Concat(name, {a, b});
}

// Figure 7: wide at the coarsest grid.
Blob InceptionE(NetBuilder& net, const std::string& name, const Blob& x) {
  const std::string m = name + "/";
  const Blob b1 = Unit(net, m + "branch1x1", x, Conv1x1(320));
  Blob b3 = Unit(net, m + "branch3x3_1", x, Conv1x1(384));
  b3 = Spread(net, m + "branch3x3_2", b3);
  Blob d3 = Unit(net, m + "branch3x3dbl_1", x, Conv1x1(448));
  d3 = Unit(net, m + "branch3x3dbl_2", d3, Conv3x3(384));
  d3 = Spread(net, m + "branch3x3dbl_3", d3);
  return net.Concat(m + "output", {b1, b3, d3, ProjectedPool(net, m, x, 192)});
}

}  // namespace

absl::StatusOr<Model> BuildInceptionV3(int64_t batch, uint64_t seed) {
  constexpr PoolSpec kPool = {.kernel = 3, .stride = 2};
  NetBuilder net("inception_v3", {batch, 3, 299, 299}, seed);

  Blob x = Unit(net, "Conv2d_1a_3x3", net.Input(), Halve3x3(32));
  x = Unit(net, "Conv2d_2a_3x3", x, {.out = 32, .kernel = 3});
  x = Unit(net, "Conv2d_2b_3x3", x, Conv3x3(64));
  x = net.MaxPool("maxpool1", x, kPool);
  x = Unit(net, "Conv2d_3b_1x1", x, Conv1x1(80));
  x = Unit(net, "Conv2d_4a_3x3", x, {.out = 192, .kernel = 3});
  x = net.MaxPool("maxpool2", x, kPool);

  x = InceptionA(net, "Mixed_5b", x, 32);
  x = InceptionA(net, "Mixed_5c", x, 64);
  x = InceptionA(net, "Mixed_5d", x, 64);
  x = ReductionB(net, "Mixed_6a", x);
  x = InceptionC(net, "Mixed_6b", x, 128);
  x = InceptionC(net, "Mixed_6c", x, 160);
  x = InceptionC(net, "Mixed_6d", x, 160);
  x = InceptionC(net, "Mixed_6e", x, 192);
  x = ReductionD(net, "Mixed_7a", x);
  x = InceptionE(net, "Mixed_7b", x);
  x = InceptionE(net, "Mixed_7c", x);

  x = net.Dropout("dropout", net.GlobalAveragePool("avgpool", x));
  x = net.Fc("fc", x, {.out = 1000, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
