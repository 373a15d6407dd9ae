#include <string>

#include "client/models/net_builder.h"
#include "client/models/networks.h"

// Iandola et al. 2016, table 1 and its figures 1 and 2, with the names of the authors' Caffe
// models.
namespace synergy {
namespace {

Blob ConvRelu(NetBuilder& net, const std::string& module, const std::string& conv, const Blob& x,
              const ConvSpec& spec) {
  return net.Relu(module + "relu_" + conv, net.Conv(module + conv, x, spec));
}

Blob Fire(NetBuilder& net, const std::string& name, const Blob& x, int64_t squeeze, int64_t expand,
          double gain = kGainRelu) {
  const std::string module = name + "/";
  const Blob s = ConvRelu(net, module, "squeeze1x1", x, {.out = squeeze});
  const Blob e1 = ConvRelu(net, module, "expand1x1", s, {.out = expand, .gain = gain});
  const Blob e3 =
      ConvRelu(net, module, "expand3x3", s, {.out = expand, .kernel = 3, .pad = 1, .gain = gain});
  return net.Concat(module + "concat", {e1, e3});
}

constexpr PoolSpec kPool = {.kernel = 3, .stride = 2, .ceil = true};

// The classifier has no fully connected layer: a convolution to 1000 classes, averaged.
absl::StatusOr<Model> Classify(NetBuilder& net, Blob x, int64_t pad) {
  x = net.Dropout("drop9", x);
  x = ConvRelu(net, "", "conv10", x, {.out = 1000, .pad = pad});
  x = net.GlobalAveragePool("pool10", x);
  return net.Build(net.Softmax("prob", x));
}

enum class Bypass { kNone, kSimple };

absl::StatusOr<Model> BuildVersion10(std::string_view name, Bypass bypass, int64_t batch,
                                     uint64_t seed) {
  NetBuilder net(name, {batch, 3, 227, 227}, seed);
  // A module whose input has as many channels as its output: figure 2 of the paper bypasses it.
  const auto bypassed = [&](const std::string& fire, const Blob& x, int64_t squeeze,
                            int64_t expand) {
    if (bypass == Bypass::kNone) return Fire(net, fire, x, squeeze, expand);
    // Smaller, since what is added has no negative values either.
    const Blob y = Fire(net, fire, x, squeeze, expand, kGainRelu / 4);
    return net.Sum(fire + "/EltAdd", {x, y});
  };
  Blob x = ConvRelu(net, "", "conv1", net.Input(), {.out = 96, .kernel = 7, .stride = 2});
  x = net.MaxPool("pool1", x, kPool);
  x = Fire(net, "fire2", x, 16, 64);
  x = bypassed("fire3", x, 16, 64);
  x = Fire(net, "fire4", x, 32, 128);
  x = net.MaxPool("pool4", x, kPool);
  x = bypassed("fire5", x, 32, 128);
  x = Fire(net, "fire6", x, 48, 192);
  x = bypassed("fire7", x, 48, 192);
  x = Fire(net, "fire8", x, 64, 256);
  x = net.MaxPool("pool8", x, kPool);
  x = bypassed("fire9", x, 64, 256);
  // The authors' model pads this 1x1 convolution, which the paper's table does not show: 15x15
  // outputs for 13x13. The published counts include it.
  return Classify(net, x, 1);
}

}  // namespace

absl::StatusOr<Model> BuildSqueezeNet(int64_t batch, uint64_t seed) {
  return BuildVersion10("squeezenet", Bypass::kNone, batch, seed);
}

absl::StatusOr<Model> BuildSqueezeNetResidual(int64_t batch, uint64_t seed) {
  return BuildVersion10("squeezenet_residual", Bypass::kSimple, batch, seed);
}

absl::StatusOr<Model> BuildSqueezeNet11(int64_t batch, uint64_t seed) {
  NetBuilder net("squeezenet1.1", {batch, 3, 224, 224}, seed);
  Blob x = ConvRelu(net, "", "conv1", net.Input(), {.out = 64, .kernel = 3, .stride = 2});
  x = net.MaxPool("pool1", x, kPool);
  x = Fire(net, "fire2", x, 16, 64);
  x = Fire(net, "fire3", x, 16, 64);
  x = net.MaxPool("pool3", x, kPool);
  x = Fire(net, "fire4", x, 32, 128);
  x = Fire(net, "fire5", x, 32, 128);
  x = net.MaxPool("pool5", x, kPool);
  x = Fire(net, "fire6", x, 48, 192);
  x = Fire(net, "fire7", x, 48, 192);
  x = Fire(net, "fire8", x, 64, 256);
  x = Fire(net, "fire9", x, 64, 256);
  return Classify(net, x, 0);
}

}  // namespace synergy
