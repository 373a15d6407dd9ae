#include "client/models/onnx/caffe2_operator.h"

namespace synergy {

caffe2::Argument* Caffe2Operator::Add(std::string_view name) {
  caffe2::Argument* argument = def_.add_arg();
  argument->set_name(std::string(name));
  return argument;
}

Caffe2Operator& Caffe2Operator::Int(std::string_view name, int64_t value) {
  Add(name)->set_i(value);
  return *this;
}

Caffe2Operator& Caffe2Operator::Ints(std::string_view name, const std::vector<int64_t>& values) {
  Add(name)->mutable_ints()->Add(values.begin(), values.end());
  return *this;
}

Caffe2Operator& Caffe2Operator::Float(std::string_view name, double value) {
  Add(name)->set_f(static_cast<float>(value));
  return *this;
}

Caffe2Operator& Caffe2Operator::String(std::string_view name, std::string_view value) {
  Add(name)->set_s(std::string(value));
  return *this;
}

}  // namespace synergy
