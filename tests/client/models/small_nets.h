// A user's small Caffe2 network with its weights as values: data 1x3x8x8, a convolution, Relu in
// place, FC, Softmax.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "client/models/fillers.h"

namespace synergy {

inline caffe2::OperatorDef* AddOperator(caffe2::NetDef* net, const char* type, const char* name,
                                        std::initializer_list<const char*> inputs,
                                        std::initializer_list<const char*> outputs) {
  caffe2::OperatorDef* op = net->add_op();
  op->set_type(type);
  op->set_name(name);
  for (const char* blob : inputs) op->add_input(blob);
  for (const char* blob : outputs) op->add_output(blob);
  return op;
}

inline caffe2::NetDef SmallPredictNet() {
  caffe2::NetDef net;
  net.set_name("small");
  for (const char* blob : {"data", "w", "b", "fw", "fb"}) net.add_external_input(blob);
  AddIntArg(*AddOperator(&net, "Conv", "conv", {"data", "w", "b"}, {"c"}), "kernel", 3);
  AddOperator(&net, "Relu", "", {"c"}, {"c"});
  AddOperator(&net, "FC", "fc", {"c", "fw", "fb"}, {"f"});
  AddOperator(&net, "Softmax", "prob", {"f"}, {"y"});
  net.add_external_output("y");
  return net;
}

inline caffe2::OperatorDef GivenFloats(const char* blob, const std::vector<int64_t>& shape) {
  caffe2::OperatorDef op;
  op.set_type("GivenTensorFill");
  op.add_output(blob);
  caffe2::Argument* dims = op.add_arg();
  dims->set_name("shape");
  int64_t count = 1;
  for (int64_t dim : shape) {
    dims->add_ints(dim);
    count *= dim;
  }
  caffe2::Argument* values = op.add_arg();
  values->set_name("values");
  for (int64_t i = 0; i < count; ++i) values->add_floats(static_cast<float>(i % 7) / 7);
  return op;
}

inline caffe2::NetDef SmallInitNet() {
  caffe2::NetDef net;
  net.set_name("small_init");
  *net.add_op() = GivenFloats("w", {2, 3, 3, 3});
  *net.add_op() = GivenFloats("b", {2});
  *net.add_op() = UniformFiller("fw", {5, 72}, -1, 1, 1);
  *net.add_op() = GivenFloats("fb", {5});
  return net;
}

// The same weights as a TensorProtos file.
inline caffe2::TensorProtos SmallTensors() {
  caffe2::TensorProtos tensors;
  const auto add = [&](const char* name, const std::vector<int64_t>& shape) {
    caffe2::TensorProto* proto = tensors.add_protos();
    proto->set_name(name);
    int64_t count = 1;
    for (int64_t dim : shape) {
      proto->add_dims(dim);
      count *= dim;
    }
    for (int64_t i = 0; i < count; ++i) proto->add_float_data(0.5f);
  };
  add("w", {2, 3, 3, 3});
  add("b", {2});
  add("fw", {5, 72});
  add("fb", {5});
  return tensors;
}

}  // namespace synergy
