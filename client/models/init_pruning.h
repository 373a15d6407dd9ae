// An init net without what the predict net does not need. Internal to client/models.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace synergy {

// Empties (OperatorDef::Clear) the operators of `init` that make none of the blobs `needed`,
// directly or through others, and notes which blobs are left out. InvalidArgument where `predict`
// looks as if its file was cut off: it names no output and needs less than half of what `init`
// makes.
absl::Status PruneInitNet(const caffe2::NetDef& predict, std::set<std::string> needed,
                          caffe2::NetDef* init, std::vector<std::string>* notes);

}  // namespace synergy
