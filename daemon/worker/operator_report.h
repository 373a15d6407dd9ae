// What an engine says of the operators that it ran: names, shapes, cost.
#pragma once

#include <cstdint>
#include <vector>

#include "caffe2/proto/caffe2_pb.h"
#include "daemon/worker/operator_hook.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Name, type and engine as in `def`, shapes as they were seen, and the cost.
//
// Two sources know costs: Caffe2's own inference (OpSchema::InferCost), which has no MACs, lacks
// many operators and is wrong about some (docs: daemon/worker/README.md, held by
// operator_report_test), and our exact formulas (common/op_cost.h). Where both agree in FLOPs,
// bytes and parameters, the figures are Caffe2's ("caffe2", MACs counted by us); where they differ
// or Caffe2 has none, they are ours
// ("synergy"). Of a type that we have no formula for, Caffe2's stand if it is one without MACs.
v1::OperatorInfo DescribeOperator(uint32_t index, const caffe2::OperatorDef& def,
                                  const std::vector<SeenTensor>& inputs,
                                  const std::vector<SeenTensor>& outputs);

// Of a net that has run at least once.
v1::OperatorTable DescribeOperators(const caffe2::NetDef& net, const NetHook& hook);

}  // namespace synergy
