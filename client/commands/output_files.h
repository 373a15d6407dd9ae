// The outputs of a network as .npy files.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace synergy {

// Where each output goes: `path`, which ends in .npy, where there is one; NAME.BLOB.npy for each,
// where there are several and `path` is NAME.npy ('_' for what is no letter, digit, '.', '-' or
// '_' in BLOB). Errors end in kUsage: another suffix, a folder that does not exist or takes no
// such file, two blobs with one file.
absl::StatusOr<std::map<std::string, std::string>> PlanOutputFiles(
    const std::string& path, const std::vector<std::string>& outputs);

// Calls its argument with each part of a tensor pack, in order (DeviceClient::Outputs).
using PackFetcher =
    std::function<absl::Status(const std::function<absl::Status(std::string_view part)>& on_part)>;

// Fetches the outputs and writes each to its file, which is replaced as a whole. Notes for people,
// a line each: outputs that hold NaN or infinities. Errors of `fetch` are handed on; what the pack
// lacks or a file does not take ends in kFailedCheck.
absl::StatusOr<std::vector<std::string>> FetchOutputFiles(
    const std::map<std::string, std::string>& files, const PackFetcher& fetch);

}  // namespace synergy
