// The protobuf messages that Caffe2's files hold. Internal to client/models.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace synergy {

// Binary or text, recognised by the contents. `role` ("predict net") and `option` ("--net") are for
// the error's text: InvalidArgument that says what the bytes are instead, where that can be seen.
absl::StatusOr<std::shared_ptr<caffe2::NetDef>> ParseNetUntrusted(std::string_view bytes,
                                                                  std::string_view role,
                                                                  std::string_view option);

// One of the two: a net that makes the weights, or the weights themselves.
struct InitFile {
  std::shared_ptr<caffe2::NetDef> net;
  std::shared_ptr<caffe2::TensorProtos> tensors;
};
absl::StatusOr<InitFile> ParseInitUntrusted(std::string_view bytes);

}  // namespace synergy
