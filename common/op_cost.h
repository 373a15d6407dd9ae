#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

// Exact cost of one ConvNet operator, from its arguments and tensor shapes. Neutral of Caffe2 (the
// type and argument names are Caffe2's), pure and thread safe: the host counts a network with it
// before anything runs, a worker counts the operators that it really ran.
//
// Definitions
//   MAC    one product added to a sum, counted as the published tables count: Conv and FC only,
//          every filter tap of every output, taps on padding included, bias additions not.
//   FLOP   one floating-point add, subtract, multiply, divide, compare, exp, pow or sqrt. A MAC is
//          2 FLOPs. A reduction of n values is n FLOPs. Index arithmetic and copies are none.
//   bytes  every distinct tensor once, at its own element size: inputs (weights included) read,
//          outputs written. It is the least memory traffic there can be; what caches make of it
//          is for others to measure. In place, a tensor is both read and written. Dropout and
//          Reshape do nothing in place: 0 bytes.
//   params learned values (weights, biases, scales). Running statistics are counted apart.
//
// Types and FLOPs (Y = output elements, window = input elements under a window, without padding)
//   Conv               2 MAC + Y if it has a bias;  MAC = Y * C/group * product(kernel)
//   FC                 2 MAC + Y if it has a bias;  MAC = N * M * K
//   MaxPool            sum of windows
//   AveragePool        sum of windows + Y
//   LRN                Y (squares) + sum of channel windows + 4 Y (scale, bias, pow, multiply)
//   SpatialBN          2 Y + 5 C (inference: one scale and one shift per channel, from 4 vectors)
//   Softmax            5 Y (maximum, subtract, exp, sum, divide)
//   Sum                (inputs - 1) Y
//   Add Sub Mul Div    Y
//   Relu 1 Y, Clip 2 Y, Sigmoid 4 Y (negate, exp, add, divide)
//   Concat Split Dropout (inference) Reshape Flatten Transpose ChannelShuffle Copy, and the fillers
//   ConstantFill GaussianFill UniformFill XavierFill MSRAFill GivenTensorFill: 0
namespace synergy {

struct OpTensor {
  std::vector<int64_t> dims;
  int64_t element_size = 4;  // bytes; 4 is float
};

struct OpSpec {
  std::string type;
  // Caffe2's argument names; a scalar is a list of one. No operator's cost depends on a float.
  // Read: stride, pad, kernel, dilation in every Caffe2 spelling (kernel, kernel_h + kernel_w,
  // kernels), global_pooling, legacy_pad, group, size (LRN).
  std::map<std::string, std::vector<int64_t>> ints;
  std::string order = "NCHW";     // or NHWC
  std::vector<OpTensor> inputs;   // as Caffe2 orders them: Conv and FC {X, W[, b]},
                                  // SpatialBN {X, scale, bias, mean, var}
  std::vector<OpTensor> outputs;  // taken as given, since a worker knows what really came out
  bool in_place = false;          // output 0 is input 0
};

struct OpCost {
  int64_t macs = 0;
  int64_t flops = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  int64_t params = 0;        // learned values
  int64_t statistics = 0;    // SpatialBN's running mean and variance
  int64_t params_bytes = 0;  // bytes of both

  friend bool operator==(const OpCost&, const OpCost&) = default;
};

// NotFound: the type is not in the table above. InvalidArgument: tensors or arguments do not fit
// together. OutOfRange: a count does not fit in 64 bits. Unimplemented: a pool with legacy_pad
// SAME.
absl::StatusOr<OpCost> ComputeOpCost(const OpSpec& op);

// Field by field; OutOfRange when a sum does not fit in 64 bits.
absl::StatusOr<OpCost> AddCosts(const OpCost& a, const OpCost& b);

// Product of the dimensions (1 for none). InvalidArgument: a negative dimension. OutOfRange: the
// product does not fit in 64 bits.
absl::StatusOr<int64_t> CountElements(const std::vector<int64_t>& dims);

// "1x3x227x227"; "scalar" for no dimension.
std::string FormatShape(const std::vector<int64_t>& dims);

}  // namespace synergy
