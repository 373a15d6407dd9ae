// A network as it comes to an engine: bytes of a Caffe2 NetDef that nobody has looked at yet. What
// is wrong with one is said in words here, before Caffe2 gets to see it and throws.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caffe2/proto/caffe2_pb.h"

namespace synergy {

// Reads all of `fd` from its beginning, whatever its position. An empty file is an empty net.
// `role` is for the text: "predict net".
absl::StatusOr<caffe2::NetDef> ReadNetUntrusted(int fd, const std::string& role);

// Whether this process can create the net where the blobs `given` exist: every operator's type is
// known and meant for the CPU, and every blob is given, or written by an earlier operator, before
// it is read.
absl::Status CheckOperators(const caffe2::NetDef& net, const std::string& role,
                            std::set<std::string> given);

// A predict net must have operators, a net type that Caffe2 knows, and outputs, all of which its
// operators write: a file that was cut between two operators is a good NetDef, but has none.
absl::Status CheckPredictNet(const caffe2::NetDef& net);

// The net type that Caffe2 makes of the one that the net names: "simple" where it names none, and
// today's types for those of old ("dag" is "async_scheduling").
std::string EffectiveNetType(const caffe2::NetDef& net);

// "operator 3 'conv1' (Conv)".
std::string OperatorLabel(int index, const caffe2::OperatorDef& def);

}  // namespace synergy
