#include "client/models/layer_arguments.h"

#include <map>
#include <string>

#include "gtest/gtest.h"

namespace synergy {
namespace {

std::map<std::string, int64_t> IntArgs(const caffe2::OperatorDef& op) {
  std::map<std::string, int64_t> args;
  for (const auto& arg : op.arg()) args[arg.name()] = arg.i();
  return args;
}

std::map<std::string, int64_t> PoolArgs(const Dims& in, const PoolSpec& spec) {
  caffe2::OperatorDef op;
  EXPECT_TRUE(AddArguments(spec, in, &op).ok());
  return IntArgs(op);
}

TEST(PoolArguments, PadTheEndOnlyWhereTheSpecRoundsUp) {
  const auto down = PoolArgs({1, 64, 112, 111}, {.kernel = 3, .stride = 2});
  EXPECT_EQ(down.at("pad_b"), 0);
  EXPECT_EQ(down.at("pad_r"), 0);
  const auto up = PoolArgs({1, 64, 112, 111}, {.kernel = 3, .stride = 2, .ceil = true});
  EXPECT_EQ(up.at("pad_t"), 0);
  EXPECT_EQ(up.at("pad_b"), 1);  // 112 has a row left over, 111 has no column
  EXPECT_EQ(up.at("pad_r"), 0);
}

// Counted window by window: one begins every `stride` elements from `pad` before the first, as long
// as some element before the padding at the end is not yet in a window, or as a whole one fits, but
// never on that padding.
int64_t CaffesWindows(int64_t in, const PoolSpec& spec) {
  int64_t windows = 0;
  int64_t end = -spec.pad;  // of the last window
  for (int64_t begin = -spec.pad; end < in + spec.pad && begin < in; begin += spec.stride) {
    const bool whole = begin + spec.kernel <= in + spec.pad;
    const bool first_beyond = begin - spec.stride + spec.kernel < in + spec.pad;
    if (!whole && !first_beyond) break;
    end = begin + spec.kernel;
    ++windows;
  }
  return windows;
}

TEST(PoolArguments, RoundingDownOverThePaddingAtTheEndGivesCaffesWindows) {
  for (int64_t in = 3; in < 40; ++in) {
    for (int64_t kernel = 1; kernel <= 3; ++kernel) {
      for (int64_t stride = 1; stride <= 4; ++stride) {
        for (int64_t pad = 0; pad < kernel; ++pad) {
          const PoolSpec spec{.kernel = kernel, .stride = stride, .pad = pad, .ceil = true};
          const int64_t tail = PoolArgs({1, 1, in, in}, spec).at("pad_b");
          EXPECT_GE(tail, pad);
          EXPECT_EQ((in + pad + tail - kernel) / stride + 1, CaffesWindows(in, spec))
              << in << " kernel " << kernel << " stride " << stride << " pad " << pad;
        }
      }
    }
  }
}

TEST(LayerArguments, RefuseSizesThatNoLayerHas) {
  caffe2::OperatorDef op;
  for (const ConvSpec& spec : {ConvSpec{.out = 1, .kernel = 0}, ConvSpec{.out = 1, .stride = 0},
                               ConvSpec{.out = 1, .pad = -1}, ConvSpec{.out = 1, .group = 0},
                               ConvSpec{.out = 1, .dilation = 0}, ConvSpec{.out = 1, .kernel_w = 0},
                               ConvSpec{.out = 1, .kernel = int64_t{1} << 40, .pad = 1},
                               ConvSpec{.out = 1, .pad = int64_t{1} << 62}}) {
    EXPECT_EQ(AddArguments(spec, &op).code(), absl::StatusCode::kInvalidArgument);
  }
  for (const PoolSpec& spec :
       {PoolSpec{.stride = 0}, PoolSpec{.kernel = 0}, PoolSpec{.pad = int64_t{1} << 62}}) {
    EXPECT_EQ(AddArguments(spec, {1, 1, 4, 4}, &op).code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace synergy
