// What Caffe2's operators on images (ConvPoolOpBase) have in common. Internal to client/models.
#pragma once

#include "client/models/shape_rules.h"

namespace synergy {

// The argument legacy_pad: caffe2_legacy.proto.
inline constexpr int64_t kPadNotSet = 0;
inline constexpr int64_t kPadValid = 1;
inline constexpr int64_t kPadSame = 2;
inline constexpr int64_t kPadCaffe = 3;

struct Window {
  Dims kernel;
  Dims stride;
  Dims dilation;
  Dims adj;
  Dims pads;  // of all axes before the first element, then of all behind the last
  int64_t legacy = kPadNotSet;
  bool global = false;
};

// From the arguments, with Caffe2's defaults. InvalidArgument where Caffe2 refuses them, or would
// divide by zero.
absl::StatusOr<Window> ReadWindow(const OpCall& call);

// ConvPoolOpBase asks for a kernel by the operator's name, even where a global pool needs none.
bool NameAsksForKernel(const OpCall& call);

// The sizes of the axes of the first input, which are images of 1 to 3 axes. Only the batch may be
// empty.
absl::StatusOr<Dims> SpaceOf(const OpCall& call);
int64_t ChannelsOf(const OpCall& call);
// A batch of images like the first input, with other channels and sizes.
Dims WithSpace(const OpCall& call, int64_t channels, const Dims& space);

// Output sizes of all axes, computed in the same float arithmetic as in Caffe2. With `inside`, each
// window must cover an element of the input, as pools need.
absl::StatusOr<Dims> Slide(const OpCall& call, const Window& window, const Dims& space,
                           bool inside);

}  // namespace synergy
