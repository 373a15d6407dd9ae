#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

// Pictures as inputs of networks: bytes in, numbers out. Pure.
namespace synergy {

// What networks trained on ImageNet by PyTorch's recipes expect, per channel R, G, B, of values
// from 0 to 1 (torchvision, "transforms for pretrained models").
inline constexpr float kImageMean[] = {0.485f, 0.456f, 0.406f};
inline constexpr float kImageDeviation[] = {0.229f, 0.224f, 0.225f};

// A picture is taken up to this many pixels a side, and this many in all.
inline constexpr int64_t kMaxImageSide = 16384;
inline constexpr int64_t kMaxImagePixels = int64_t{64} << 20;

// The elements (float32) of an input of the shape `dims`, {N, 3, height, width}, made of a PPM
// (binary), PNG or JPEG picture: the largest part around its middle that has the input's
// proportions is cut out and scaled to height x width (bilinear over the covered area, in the
// values as they are stored; not at all where it has the size), each value becomes
// (value / 255 - mean) / deviation, in the order R, G, B. Transparency is dropped, grey becomes
// three equal channels, a JPEG's orientation is not looked at. N images are the same one.
// InvalidArgument: no picture of these kinds, damaged, too large, or `dims` is no such shape.
absl::StatusOr<std::string> ImageElementsUntrusted(std::string_view file,
                                                   const std::vector<int64_t>& dims);

}  // namespace synergy
