#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synergy {

// A Caffe2 operator under construction: its type and arguments.
class Caffe2Operator {
 public:
  explicit Caffe2Operator(std::string_view type) { def_.set_type(std::string(type)); }
  Caffe2Operator& Int(std::string_view name, int64_t value);
  Caffe2Operator& Ints(std::string_view name, const std::vector<int64_t>& values);
  Caffe2Operator& Float(std::string_view name, double value);
  Caffe2Operator& String(std::string_view name, std::string_view value);
  const caffe2::OperatorDef& def() const { return def_; }

 private:
  caffe2::Argument* Add(std::string_view name);

  caffe2::OperatorDef def_;
};

}  // namespace synergy
