// Operators for tests of the simulated Jetson TX1.
#pragma once

#include <cstdint>
#include <string>

#include "synergy/v1/records.pb.h"

namespace synergy {

inline v1::OperatorInfo MakeOperator(const std::string& type, int64_t macs, int64_t flops,
                                     int64_t bytes_read, int64_t bytes_written) {
  v1::OperatorInfo op;
  op.set_name(type);
  op.set_type(type);
  op.set_has_cost(true);
  op.set_macs(macs);
  op.set_flops(flops);
  op.set_bytes_read(bytes_read);
  op.set_bytes_written(bytes_written);
  return op;
}

// A 3x3 convolution of ResNet-50 (56x56, 64 to 64), SqueezeNet's first pooling and first Relu.
inline v1::OperatorInfo MakeConv() {
  return MakeOperator("Conv", 115'605'504, 231'211'008, 950'272, 802'816);
}
inline v1::OperatorInfo MakePool() {
  return MakeOperator("MaxPool", 0, 2'709'504, 4'903'296, 1'204'224);
}
inline v1::OperatorInfo MakeRelu() {
  return MakeOperator("Relu", 0, 1'225'824, 4'903'296, 4'903'296);
}

// `count` operators: conv, relu, pool, conv, ...
inline v1::OperatorTable MakeTable(int count) {
  v1::OperatorTable table;
  for (int i = 0; i < count; ++i) {
    v1::OperatorInfo& op = *table.add_operators();
    op = i % 3 == 0 ? MakeConv() : i % 3 == 1 ? MakeRelu() : MakePool();
    op.set_index(static_cast<uint32_t>(i));
    op.set_name(op.type() + std::to_string(i));
  }
  return table;
}

}  // namespace synergy
