#pragma once

#include <cstdint>
#include <optional>

// What a layer of a published table says, in the table's words. Shapes are NCHW.
namespace synergy {

// How the weights of a layer are drawn: uniform with variance gain / fan_in, so that
//   2 (He)     a layer followed by Relu hands on the mean square that it was given;
//   1 (Xavier) a linear layer does.
inline constexpr double kGainRelu = 2.0;
inline constexpr double kGainLinear = 1.0;

struct ConvSpec {
  int64_t out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t pad = 0;  // all four sides
  // The width's own, where the table says "1x7": then the two above are the height's.
  std::optional<int64_t> kernel_w = std::nullopt;
  std::optional<int64_t> pad_w = std::nullopt;
  int64_t group = 1;
  int64_t dilation = 1;
  bool bias = true;
  double gain = kGainRelu;
};

struct FcSpec {
  int64_t out = 0;
  double gain = kGainRelu;
};

struct PoolSpec {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t pad = 0;
  // Caffe's rounding: the last window may hang over the end. It becomes padding at bottom and
  // right, so that the net says what it does.
  bool ceil = false;
};

struct LrnSpec {
  int64_t size = 5;
  double alpha = 1e-4;
  double beta = 0.75;
  double bias = 1.0;
};

struct BnSpec {
  double epsilon = 1e-5;
  double scale = 1.0;  // the learned scale is drawn around this
};

}  // namespace synergy
