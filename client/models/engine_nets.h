// What engines want of nets, whoever wrote them. Internal to client/models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/models/model.h"

namespace synergy {

// The net type as engines have it: Caffe2 itself renames types of the past. "": it has no such
// type, or the engines lack it.
std::string TodaysNetType(const std::string& type);

// Lists the model's inputs, `weights` and outputs as the nets' external blobs; gives every operator
// a name of its own, and random fillers a seed from `seed` where they have none; moves operators
// that were meant for another device to the CPU, with a note.
void TidyForEngines(const std::vector<std::string>& weights, uint64_t seed, Model* model);

}  // namespace synergy
