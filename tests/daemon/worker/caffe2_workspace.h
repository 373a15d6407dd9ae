// A Caffe2 workspace for tests, and short ways to write operators.
#pragma once

#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/workspace.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/worker/seeded_normal.h"
#include "tests/daemon/worker/reference_operators.h"

namespace synergy {

using ArgumentValue = std::variant<int64_t, float, std::string, std::vector<int64_t>>;

inline caffe2::OperatorDef MakeOp(
    const std::string& type, const std::vector<std::string>& inputs,
    const std::vector<std::string>& outputs,
    const std::vector<std::pair<std::string, ArgumentValue>>& arguments = {}) {
  caffe2::OperatorDef op;
  op.set_type(type);
  for (const std::string& blob : inputs) op.add_input(blob);
  for (const std::string& blob : outputs) op.add_output(blob);
  for (const auto& [name, value] : arguments) {
    caffe2::Argument* argument = op.add_arg();
    argument->set_name(name);
    if (const auto* i = std::get_if<int64_t>(&value)) argument->set_i(*i);
    if (const auto* f = std::get_if<float>(&value)) argument->set_f(*f);
    if (const auto* s = std::get_if<std::string>(&value)) argument->set_s(*s);
    if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
      argument->mutable_ints()->Assign(list->begin(), list->end());
    }
  }
  return op;
}

class Caffe2Workspace : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    int argc = 1;
    std::string name = "test";
    char* arguments[] = {name.data(), nullptr};
    char** argv = arguments;
    ASSERT_TRUE(caffe2::GlobalInit(&argc, &argv));
  }

  // Standard normal values, others for each name.
  void FeedNormal(const std::string& blob, const std::vector<int64_t>& dims) {
    caffe2::Tensor* tensor =
        caffe2::BlobGetMutableTensor(workspace_.CreateBlob(blob), dims, at::dtype<float>());
    FillSeededNormal(std::hash<std::string>()(blob), 0, tensor->mutable_data<float>(),
                     static_cast<size_t>(tensor->numel()));
  }

  // Empty where the blob is no tensor of floats.
  Array Fetch(const std::string& blob) const {
    const caffe2::Tensor& tensor = workspace_.GetBlob(blob)->Get<caffe2::Tensor>();
    if (!tensor.IsType<float>()) return {};
    const float* data = tensor.data<float>();
    return {{tensor.sizes().begin(), tensor.sizes().end()}, {data, data + tensor.numel()}};
  }

  caffe2::Workspace workspace_;
};

}  // namespace synergy
