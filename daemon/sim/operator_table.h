// What an engine would say of a network's operators, from the network alone.
#pragma once

#include "client/models/model.h"
#include "synergy/v1/records.pb.h"

namespace synergy::sim {

// One row per layer, in the order of the net, costs counted by common/op_cost.
v1::OperatorTable OperatorTableOf(const Model& model);

}  // namespace synergy::sim
