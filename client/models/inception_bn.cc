#include <string>
#include <vector>

#include "client/models/conv_modules.h"
#include "client/models/networks.h"

// Ioffe and Szegedy 2015, in the wider version for the 21841 classes of the whole of ImageNet that
// MXNet's authors trained, in the conversion to Caffe by A. Pertusa (Inception21k). Convolutions
// have biases although a SpatialBN follows. Modules are named as in the paper.
namespace synergy {
namespace {

constexpr PoolSpec kHalve = {.kernel = 3, .stride = 2, .ceil = true};

enum class Pool { kAverage, kMax };

// A row of the table: "double 3x3" are two 3x3 convolutions, which do the work of a 5x5.
struct Inception {
  const char* name;
  int64_t conv1x1;
  int64_t reduce3x3, conv3x3;
  int64_t reduce_double3x3, double3x3;
  Pool pool;
  int64_t pool_proj;
};

// The last module of a stage halves the maps; it has no 1x1 branch, and its pool is not projected.
struct Reduction {
  const char* name;
  int64_t reduce3x3, conv3x3;
  int64_t reduce_double3x3, double3x3;
};

constexpr Inception kStage3[] = {{"inception_3a", 96, 96, 96, 96, 144, Pool::kAverage, 48},
                                 {"inception_3b", 96, 96, 144, 96, 144, Pool::kAverage, 96}};
constexpr Reduction kReduction3 = {"inception_3c", 192, 240, 96, 144};
constexpr Inception kStage4[] = {{"inception_4a", 224, 64, 96, 96, 128, Pool::kAverage, 128},
                                 {"inception_4b", 192, 96, 128, 96, 128, Pool::kAverage, 128},
                                 {"inception_4c", 160, 128, 160, 128, 160, Pool::kAverage, 128},
                                 {"inception_4d", 96, 128, 192, 160, 96, Pool::kAverage, 128}};
constexpr Reduction kReduction4 = {"inception_4e", 128, 192, 192, 256};
constexpr Inception kStage5[] = {{"inception_5a", 352, 192, 320, 160, 224, Pool::kAverage, 128},
                                 {"inception_5b", 352, 192, 320, 192, 224, Pool::kMax, 128}};

Blob Unit(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv) {
  return ConvBnRelu(net, name, x, conv, {}, /*conv_bias=*/true);
}

Blob AddInception(NetBuilder& net, const Inception& row, const Blob& x) {
  const std::string module = std::string(row.name) + "/";
  constexpr PoolSpec kPool = {.kernel = 3, .stride = 1, .pad = 1};
  const Blob b1 = Unit(net, module + "1x1", x, {.out = row.conv1x1});
  Blob b3 = Unit(net, module + "3x3_reduce", x, {.out = row.reduce3x3});
  b3 = Unit(net, module + "3x3", b3, {.out = row.conv3x3, .kernel = 3, .pad = 1});
  Blob d3 = Unit(net, module + "double_3x3_reduce", x, {.out = row.reduce_double3x3});
  d3 = Unit(net, module + "double_3x3_0", d3, {.out = row.double3x3, .kernel = 3, .pad = 1});
  d3 = Unit(net, module + "double_3x3_1", d3, {.out = row.double3x3, .kernel = 3, .pad = 1});
  const Blob pool = row.pool == Pool::kMax ? net.MaxPool(module + "pool", x, kPool)
                                           : net.AveragePool(module + "pool", x, kPool);
  const Blob proj = Unit(net, module + "pool_proj", pool, {.out = row.pool_proj});
  return net.Concat(module + "output", {b1, b3, d3, proj});
}

Blob AddReduction(NetBuilder& net, const Reduction& row, const Blob& x) {
  const std::string module = std::string(row.name) + "/";
  Blob b3 = Unit(net, module + "3x3_reduce", x, {.out = row.reduce3x3});
  b3 = Unit(net, module + "3x3", b3, {.out = row.conv3x3, .kernel = 3, .stride = 2, .pad = 1});
  Blob d3 = Unit(net, module + "double_3x3_reduce", x, {.out = row.reduce_double3x3});
  d3 = Unit(net, module + "double_3x3_0", d3, {.out = row.double3x3, .kernel = 3, .pad = 1});
  d3 = Unit(net, module + "double_3x3_1", d3,
            {.out = row.double3x3, .kernel = 3, .stride = 2, .pad = 1});
  const Blob pool = net.MaxPool(module + "pool", x, kHalve);
  return net.Concat(module + "output", {b3, d3, pool});
}

}  // namespace

absl::StatusOr<Model> BuildInceptionBn(int64_t batch, uint64_t seed) {
  NetBuilder net("inception_bn", {batch, 3, 224, 224}, seed);

  Blob x = Unit(net, "conv1", net.Input(), {.out = 96, .kernel = 7, .stride = 2, .pad = 3});
  x = net.MaxPool("pool1", x, kHalve);
  x = Unit(net, "conv2_reduce", x, {.out = 128});
  x = Unit(net, "conv2", x, {.out = 288, .kernel = 3, .pad = 1});
  x = net.MaxPool("pool2", x, kHalve);

  for (const Inception& row : kStage3) x = AddInception(net, row, x);
  x = AddReduction(net, kReduction3, x);
  for (const Inception& row : kStage4) x = AddInception(net, row, x);
  x = AddReduction(net, kReduction4, x);
  for (const Inception& row : kStage5) x = AddInception(net, row, x);

  x = net.GlobalAveragePool("global_pool", x);
  x = net.Fc("fc1", x, {.out = 21841, .gain = kGainLinear});
  return net.Build(net.Softmax("prob", x));
}

}  // namespace synergy
