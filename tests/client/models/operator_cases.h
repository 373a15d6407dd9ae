// One operator with inputs, for tests that run it.
#pragma once

#include <caffe2/proto/caffe2.pb.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client/models/fillers.h"
#include "client/models/model.h"
#include "fmt/format.h"

namespace synergy {

using Shape = std::vector<int64_t>;

struct OperatorCase {
  caffe2::OperatorDef op;
  std::vector<BlobShape> inputs;
};

// Builds an OperatorCase: Case("Conv").In({1, 3, 8, 8}).In({4, 3, 3, 3}).Arg("kernel", 3).Out("y").
class Case {
 public:
  explicit Case(const std::string& type) { made_.op.set_type(type); }

  Case& In(Shape dims, v1::DataType type = v1::DATA_TYPE_FLOAT32) {
    const std::string blob = fmt::format("x{}", made_.inputs.size());
    made_.op.add_input(blob);
    made_.inputs.push_back({blob, std::move(dims), type});
    return *this;
  }
  Case& Out(const std::string& blob = "y") {
    made_.op.add_output(blob);
    return *this;
  }
  Case& Arg(const std::string& name, int64_t value) {
    AddIntArg(made_.op, name, value);
    return *this;
  }
  Case& Float(const std::string& name, double value) {
    AddFloatArg(made_.op, name, value);
    return *this;
  }
  Case& Text(const std::string& name, const std::string& value) {
    caffe2::Argument* arg = made_.op.add_arg();
    arg->set_name(name);
    arg->set_s(value);
    return *this;
  }
  Case& List(const std::string& name, const Shape& values) {
    caffe2::Argument* arg = made_.op.add_arg();
    arg->set_name(name);
    for (int64_t value : values) arg->add_ints(value);
    return *this;
  }
  Case& Name(const std::string& name) {
    made_.op.set_name(name);
    return *this;
  }
  operator OperatorCase() const { return made_; }  // implicit: a list of cases reads as one

 private:
  OperatorCase made_;
};

}  // namespace synergy
