#include "client/models/conv_modules.h"

#include <cmath>

namespace synergy {

Blob ConvRelu(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv) {
  return net.Relu(name + "_relu", net.Conv(name, x, conv));
}

Blob ConvBn(NetBuilder& net, const std::string& name, const Blob& x, ConvSpec conv,
            const BnSpec& bn, bool conv_bias) {
  conv.bias = conv_bias;
  return net.SpatialBn(name + "_bn", net.Conv(name, x, conv), bn);
}

Blob ConvBnRelu(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv,
                const BnSpec& bn, bool conv_bias) {
  return net.Relu(name + "_relu", ConvBn(net, name, x, conv, bn, conv_bias));
}

double BranchScale(int64_t sums) { return 1.0 / std::sqrt(static_cast<double>(sums)); }

}  // namespace synergy
