#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <string_view>
#include <vector>

// Operators of an init net, each of which makes one weight. A filler carries its own seed, so that
// a weight depends on the run's seed and its own name only, not on the order of the fillers.
namespace synergy {

// A seed for `blob` in Caffe2's range, well spread in both arguments.
uint32_t SeedOfBlob(uint64_t run_seed, std::string_view blob);

// Uniform in [low, high).
caffe2::OperatorDef UniformFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                  double low, double high, uint64_t run_seed);

// Uniform around 0 with variance gain / fan_in. Caffe2's own MSRAFill divides by the fan-out, which
// lets activations shrink or grow wherever the number of channels changes, and depthwise layers
// vanish. A uniform draw has no outliers.
caffe2::OperatorDef WeightFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                 double gain, int64_t fan_in, uint64_t run_seed);

caffe2::OperatorDef ConstantFiller(std::string_view blob, const std::vector<int64_t>& dims,
                                   double value);

// Arguments of any operator.
void AddIntArg(caffe2::OperatorDef& op, std::string_view name, int64_t value);
void AddFloatArg(caffe2::OperatorDef& op, std::string_view name, double value);

}  // namespace synergy
