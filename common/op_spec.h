#pragma once

#include <string>
#include <vector>

#include "common/op_cost.h"

namespace synergy {

// The arguments of a caffe2::OperatorDef as ComputeOpCost reads them. The tensors are left for the
// caller, who knows their shapes. A template over the message, so that common/ does not need
// Caffe2's generated header: the network builder and the workers both convert with it.
template <class OperatorDef>
OpSpec OpSpecOf(const OperatorDef& def) {
  OpSpec op;
  op.type = def.type();
  for (const auto& arg : def.arg()) {
    if (arg.has_i()) op.ints[arg.name()] = {arg.i()};
    if (arg.ints_size() > 0) op.ints[arg.name()] = {arg.ints().begin(), arg.ints().end()};
    if (arg.name() == "order" && arg.has_s()) op.order = arg.s();
  }
  op.in_place = def.input_size() > 0 && def.output_size() > 0 && def.input(0) == def.output(0);
  return op;
}

}  // namespace synergy
