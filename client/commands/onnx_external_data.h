#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/models/onnx/onnx_tensor.h"
#include "common/unique_fd.h"

// The files in which an ONNX model keeps its large tensors. A model may come from anybody, and it
// names these files, so nothing but regular files in the model's own folder (and folders in it) is
// opened: no absolute path, no "..", no symbolic link anywhere on the way.
namespace synergy {

// Makes the reader that OnnxOptions::read_external takes, for the model at `model_path`. NotFound
// or PermissionDenied: its folder. The reader's errors: InvalidArgument for a path that leads
// elsewhere, for what is no regular file, for an offset and length outside the file, and for a file
// without the SHA-1 that is asked for; those of the file otherwise. A file is hashed once, where a
// SHA-1 is asked for, and again where it has changed since. The reader is not thread-safe.
absl::StatusOr<ReadExternalBytes> OnnxExternalData(const std::string& model_path);

// How a path beneath a folder is walked: by the kernel (openat2, Linux 5.6), or name by name where
// the kernel has no such call. Both give the same results.
enum class BeneathWalk { kKernelFirst, kByName };

// Opens a regular file for reading.
absl::StatusOr<UniqueFd> OpenRegularBeneath(int folder, const std::string& location,
                                            BeneathWalk walk);

}  // namespace synergy
