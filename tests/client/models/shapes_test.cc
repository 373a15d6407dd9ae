#include "client/models/shapes.h"

#include <string>
#include <vector>

#include "common/op_cost.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;

TEST(ConvShape, FollowsThePublishedTables) {
  // AlexNet's conv1 and conv2, ResNet's conv1, a strided 1x1 of version 1.
  EXPECT_EQ(*ConvShape({1, 3, 227, 227}, {.out = 96, .kernel = 11, .stride = 4}),
            (Dims{1, 96, 55, 55}));
  EXPECT_EQ(*ConvShape({1, 96, 27, 27}, {.out = 256, .kernel = 5, .pad = 2, .group = 2}),
            (Dims{1, 256, 27, 27}));
  EXPECT_EQ(*ConvShape({8, 3, 224, 224}, {.out = 64, .kernel = 7, .stride = 2, .pad = 3}),
            (Dims{8, 64, 112, 112}));
  EXPECT_EQ(*ConvShape({1, 256, 56, 56}, {.out = 128, .stride = 2}), (Dims{1, 128, 28, 28}));
}

TEST(ConvShape, DilationWidensTheKernel) {
  EXPECT_EQ(*ConvShape({1, 1, 9, 8}, {.out = 1, .kernel = 3, .dilation = 3}), (Dims{1, 1, 3, 2}));
}

TEST(ConvShape, RefusesWhatCannotBe) {
  const std::vector<std::pair<Dims, ConvSpec>> bad = {
      {{1, 3, 4}, {.out = 1}},                                 // not an image
      {{1, 3, 4, 4}, {.out = 4, .group = 2}},                  // 3 channels in 2 groups
      {{1, 4, 4, 4}, {.out = 3, .group = 2}},                  // 3 outputs in 2 groups
      {{1, 4, 4, 4}, {.out = 4, .group = 0}},                  // no group
      {{1, 3, 4, 4}, {.out = 0}},                              // no output
      {{1, 3, 4, 4}, {.out = 1, .kernel = 5}},                 // kernel beyond the input
      {{1, 3, 4, 4}, {.out = 1, .kernel = 3, .dilation = 2}},  // dilated beyond the input
      {{1, 3, 4, 4}, {.out = 1, .kernel = 0}},
      {{1, 3, 4, 4}, {.out = 1, .stride = 0}},
      {{1, 3, 4, 4}, {.out = 1, .pad = -1}},
      {{1, 3, 4, 4}, {.out = 1, .kernel = int64_t{1} << 40, .pad = 1}},
      {{1, 3, 4, 4}, {.out = 1, .pad = int64_t{1} << 62}},
  };
  for (const auto& [in, spec] : bad) {
    EXPECT_EQ(ConvShape(in, spec).status().code(), absl::StatusCode::kInvalidArgument)
        << FormatShape(in) << " kernel " << spec.kernel << " out " << spec.out;
  }
}

TEST(PoolShape, RoundsDownUnlessToldToRoundUp) {
  EXPECT_EQ(PoolShapeOf({1, 64, 112, 112}, {.kernel = 3, .stride = 2})->out, (Dims{1, 64, 55, 55}));
  const auto up = PoolShapeOf({1, 64, 112, 111}, {.kernel = 3, .stride = 2, .ceil = true});
  EXPECT_EQ(up->out, (Dims{1, 64, 56, 55}));
  EXPECT_EQ(up->pad_bottom, 1);
  EXPECT_EQ(up->pad_right, 0);
}

TEST(PoolShape, CeilingPadsSoThatTheFloorOfThePaddedInputIsTheResult) {
  for (int64_t in = 3; in < 40; ++in) {
    for (int64_t kernel = 1; kernel <= 3; ++kernel) {
      for (int64_t stride = 1; stride <= 4; ++stride) {
        for (int64_t pad = 0; pad < kernel; ++pad) {
          const auto pool = PoolShapeOf(
              {1, 1, in, in}, {.kernel = kernel, .stride = stride, .pad = pad, .ceil = true});
          ASSERT_TRUE(pool.ok());
          const int64_t out = pool->out[2];
          EXPECT_EQ((in + pad + pool->pad_bottom - kernel) / stride + 1, out);
          // Every window has at least one element, and no further one would have.
          EXPECT_LT((out - 1) * stride - pad, in);
          EXPECT_TRUE(out * stride - pad >= in || out * stride + kernel > in + 2 * pad);
        }
      }
    }
  }
}

TEST(PoolShape, RefusesAWindowOnPaddingOnly) {
  EXPECT_EQ(PoolShapeOf({1, 1, 4, 4}, {.kernel = 2, .pad = 2}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConcatShape, AddsChannelsAndRefusesOtherDifferences) {
  EXPECT_EQ(*ConcatShape({{1, 64, 55, 55}, {1, 64, 55, 55}, {1, 2, 55, 55}}),
            (Dims{1, 130, 55, 55}));
  EXPECT_THAT(ConcatShape({{1, 64, 55, 55}, {1, 64, 55, 54}}).status().ToString(),
              HasSubstr("1x64x55x54"));
  EXPECT_FALSE(ConcatShape({}).ok());
}

TEST(SumShape, NeedsEqualShapes) {
  EXPECT_EQ(*SumShape({{1, 2, 3, 4}, {1, 2, 3, 4}}), (Dims{1, 2, 3, 4}));
  EXPECT_FALSE(SumShape({{1, 2, 3, 4}, {1, 2, 3, 5}}).ok());
  EXPECT_FALSE(SumShape({}).ok());
}

TEST(BlobShape, IsAtLeastOneElementAndAtMostWhatCaffe2Indexes) {
  EXPECT_TRUE(CheckBlobShape({1, 1, 1, 1}).ok());
  EXPECT_TRUE(CheckBlobShape({2147483647}).ok());
  EXPECT_FALSE(CheckBlobShape({2147483647, 2}).ok());
  EXPECT_FALSE(CheckBlobShape({int64_t{1} << 40, int64_t{1} << 40}).ok());
  EXPECT_FALSE(CheckBlobShape({0, 3}).ok());
  EXPECT_FALSE(CheckBlobShape({-1, 3}).ok());
}

}  // namespace
}  // namespace synergy
