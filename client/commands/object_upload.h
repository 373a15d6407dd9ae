// Sends a job's weights and input values, as far as the board does not have them.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/net/device_client.h"
#include "common/tensor_pack.h"

namespace synergy {

// The object that the board has when this returns. `what` ("weights") is for people, who see how
// far it is on stderr. Errors: as DeviceClient::Upload, with how the command ends; Cancelled where
// `stop` was requested, and a later call goes on from there.
absl::StatusOr<v1::ObjectRef> UploadTensors(DeviceClient& client,
                                            const std::vector<TensorView>& tensors,
                                            const std::string& what, std::stop_token stop);

}  // namespace synergy
