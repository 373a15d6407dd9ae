// What the user gives a network to compute on.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/models/model.h"
#include "client/models/onnx/onnx_constant.h"

namespace synergy {

// Real values of inputs, in memory of their own. Movable: the views stay.
struct InputValues {
  std::vector<TensorView> tensors;  // named after the model's inputs
  std::deque<std::string> bytes;
};

// `flags` are "[BLOB=]FILE", FILE being .npy, .ppm, .pgm, .png, .jpg or .jpeg; BLOB may be left
// out where the model has one input. A .npy file has exactly the input's shape and type; a picture
// is scaled and normalised (client/models/image.h). Errors end in kUsage.
absl::StatusOr<InputValues> ReadInputValues(const std::vector<std::string>& flags,
                                            const Model& model);

// The one of `flags` that gives the input `blob` an array, or null.
const std::string* FindArrayFlag(const std::vector<std::string>& flags, const std::string& blob);
// The array that such a flag names. Errors end in kUsage.
absl::StatusOr<OnnxConstant> ReadArrayFlag(const std::string& flag, const std::string& blob);

}  // namespace synergy
