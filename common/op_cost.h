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
//   MAC    one product added to a sum, counted as the published tables count: convolutions and
//          matrix products only, every filter tap of every output, taps on padding included, bias
//          additions not.
//   FLOP   one floating-point add, subtract, multiply, divide, compare, round, exp, log, pow or
//          sqrt; the same on integers in operators that take them. A MAC is 2 FLOPs. A reduction of
//          n values is n FLOPs. Index arithmetic and copies are none.
//   bytes  every distinct tensor once, at its own element size: inputs (weights included) read,
//          outputs written. It is the least memory traffic there can be; what caches make of it
//          is for others to measure. In place, a tensor is both read and written. Dropout,
//          Reshape, ExpandDims and Squeeze do nothing in place: 0 bytes.
//   params learned values (weights, biases, scales). Running statistics are counted apart.
//
// Types and FLOPs (X, Y = input and output elements, window = input elements under a window,
// without padding; C channels, N images)
//   Conv Conv1D..3D    2 MAC + Y if it has a bias;  MAC = Y * C/group * product(kernel)
//   ConvTranspose      2 MAC + Y if it has a bias;  MAC = X * (output channels)/group * kernel
//   FC FCTransposed    2 MAC + Y if it has a bias;  MAC = N * M * K
//   MatMul BatchMatMul 2 MAC;  MAC = Y * K. Weights among the inputs count as data, not as params
//   MaxPool 1D..3D     sum of windows
//   AveragePool 1D..3D sum of windows + Y
//   LRN                Y (squares) + sum of channel windows + 4 Y (scale, bias, pow, multiply)
//   SpatialBN          2 Y + 5 C (inference: one scale and one shift per channel, from 4 vectors)
//   InstanceNorm       5 Y + 8 N C (sum, square, sum, scale, shift; two means, a variance and its
//                      root, one scale and one shift per image and channel)
//   AffineChannel      2 Y
//   Softmax            5 Y (maximum, subtract, exp, sum, divide)
//   Sum Max Min        (inputs - 1) Y;  Mean: inputs * Y
//   Add Sub Mul Div Pow, LT LE GT GE EQ NE    Y
//   ReduceSum ReduceMax ReduceMin X, ReduceMean X + Y, ReduceL1 2 X, ReduceL2 2 X + Y
//   Relu Abs Negative Exp Log Sqr Sqrt Reciprocal Floor Ceil    Y
//   Clip (two compares), LeakyRelu PRelu (compare, multiply), Sign    2 Y
//   Softplus (exp, add, log), Softsign (magnitude, add, divide)    3 Y
//   Sigmoid (negate, exp, add, divide), HardSigmoid (multiply, add, two compares), Elu (compare,
//   exp, subtract, multiply)    4 Y
//   Tanh (multiply, exp, subtract, add, divide), Swish (sigmoid, multiply)    5 Y
//   UpsampleBilinear   11 Y (two interpolations along one axis and one along the other, each two
//                      multiplies and an add; two weights)
//   0: Concat DepthConcat Split DepthSplit SplitByLengths Dropout (inference) Reshape Flatten
//   Transpose ExpandDims Squeeze ChannelShuffle PadImage Copy CopyFromCPUInput CopyOnDeviceLike
//   Cast Slice Gather Tile Expand ResizeNearest NCHW2NHWC NHWC2NCHW, And Or Xor Not BitwiseAnd
//   BitwiseOr BitwiseXor, and the fillers ConstantFill DiagonalFill GaussianFill RangeFill
//   UniformFill UniformIntFill XavierFill MSRAFill GivenTensorFill GivenTensorDoubleFill
//   GivenTensorBoolFill GivenTensorIntFill GivenTensorInt64Fill
namespace synergy {

struct OpTensor {
  std::vector<int64_t> dims;
  int64_t element_size = 4;  // bytes; 4 is float
};

struct OpSpec {
  std::string type;
  // Caffe2's argument names; a scalar is a list of one. No operator's cost depends on a float.
  // Read: stride, pad, kernel, dilation in every Caffe2 spelling (kernel, kernel_h + kernel_w,
  // kernels), global_pooling, legacy_pad, group, size (LRN), axis_w, axis_a, trans_a.
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
// together. OutOfRange: a count does not fit in 64 bits.
absl::StatusOr<OpCost> ComputeOpCost(const OpSpec& op);

// Field by field; OutOfRange when a sum does not fit in 64 bits.
absl::StatusOr<OpCost> AddCosts(const OpCost& a, const OpCost& b);

// Product of the dimensions (1 for none). InvalidArgument: a negative dimension. OutOfRange: the
// product does not fit in 64 bits.
absl::StatusOr<int64_t> CountElements(const std::vector<int64_t>& dims);

// "1x3x227x227"; "scalar" for no dimension.
std::string FormatShape(const std::vector<int64_t>& dims);

}  // namespace synergy
