#pragma once

#include <string>

#include "client/models/net_builder.h"

// What nearly every network repeats: a convolution with what always follows it. The operators are
// called `name`, `name`_bn and `name`_relu. SpatialBN is not folded into the convolution.
namespace synergy {

Blob ConvRelu(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv);

// The convolution has no bias unless `conv_bias`: the SpatialBN has one.
Blob ConvBn(NetBuilder& net, const std::string& name, const Blob& x, ConvSpec conv,
            const BnSpec& bn = {}, bool conv_bias = false);
Blob ConvBnRelu(NetBuilder& net, const std::string& name, const Blob& x, const ConvSpec& conv,
                const BnSpec& bn = {}, bool conv_bias = false);

// With seeded weights, unlike trained ones, every sum of a block's branch and its shortcut doubles
// the mean square. Branches whose last SpatialBN has this scale (1 / sqrt of the network's sums)
// keep it level.
double BranchScale(int64_t sums);

}  // namespace synergy
