#include "client/models/onnx/input_shapes.h"

#include <algorithm>

#include "common/op_cost.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

using ::onnx::TensorShapeProto;
using ::onnx::ValueInfoProto;

constexpr size_t kShownAtMost = 3;  // inputs in one error

std::string Shown(const std::string& text) { return Printable(text, 80); }

bool IsOpen(const TensorShapeProto::Dimension& dim) {
  return !dim.has_dim_value() || dim.dim_value() < 0;
}

const TensorShapeProto& ShapeOf(const ValueInfoProto& input) {
  return input.type().tensor_type().shape();
}

bool HasOpenBatch(const ValueInfoProto& input) {
  return ShapeOf(input).dim_size() > 0 && IsOpen(ShapeOf(input).dim(0));
}

// "x=N,3,H,8": what the file says, with names or D for what it leaves open.
std::string ShapeFlag(const ValueInfoProto& input) {
  std::vector<std::string> dims;
  for (const auto& dim : ShapeOf(input).dim()) {
    if (!IsOpen(dim)) {
      dims.push_back(std::to_string(dim.dim_value()));
    } else {
      dims.push_back(dim.dim_param().empty() ? "D" : Printable(dim.dim_param(), 32));
    }
  }
  if (!input.type().tensor_type().has_shape()) dims = {"D", "D", "..."};
  return fmt::format("--input-shape {}={}", Shown(input.name()), fmt::join(dims, ","));
}

std::string GivenFlag(const std::string& input, const std::vector<int64_t>& dims) {
  return fmt::format("--input-shape {}={}", Shown(input), fmt::join(dims, ","));
}

}  // namespace

OnnxInputShapes::OnnxInputShapes(const ::onnx::GraphProto& graph,
                                 const std::map<std::string, std::vector<int64_t>>& given,
                                 std::optional<int64_t> batch)
    : graph_(graph), given_(given), batch_(batch) {}

const std::vector<int64_t>* OnnxInputShapes::Given(const std::string& input) const {
  const auto given = given_.find(input);
  return given == given_.end() ? nullptr : &given->second;
}

absl::Status OnnxInputShapes::BindGiven(const ValueInfoProto& input) {
  const std::vector<int64_t>* const given = Given(input.name());
  if (given == nullptr || !input.type().tensor_type().has_shape()) return absl::OkStatus();
  const TensorShapeProto& shape = ShapeOf(input);
  if (static_cast<size_t>(shape.dim_size()) != given->size()) {
    return absl::InvalidArgumentError(fmt::format("input '{}' has {} dimensions, not {}",
                                                  Shown(input.name()), shape.dim_size(),
                                                  given->size()));
  }
  for (int i = 0; i < shape.dim_size(); ++i) {
    const std::string& name = shape.dim(i).dim_param();
    const int64_t value = (*given)[static_cast<size_t>(i)];
    if (!IsOpen(shape.dim(i)) || name.empty()) continue;
    const auto [bound, fresh] = bound_.try_emplace(name, Bound{value, input.name()});
    if (fresh || bound->second.value == value) continue;
    const Bound& other = bound->second;
    return absl::InvalidArgumentError(fmt::format(
        "{} contradicts {}: the dimension '{}' cannot be {} and {}",
        GivenFlag(input.name(), *given),
        other.input == input.name() ? "itself" : GivenFlag(other.input, *Given(other.input)),
        Shown(name), value, other.value));
  }
  return absl::OkStatus();
}

void OnnxInputShapes::BindBatch(const ValueInfoProto& input) {
  if (Given(input.name()) != nullptr || !HasOpenBatch(input)) return;
  const std::string& name = ShapeOf(input).dim(0).dim_param();
  if (!name.empty()) bound_.try_emplace(name, Bound{batch_.value_or(1), input.name()});
}

void OnnxInputShapes::Resolve(const ValueInfoProto& input) {
  std::vector<int64_t> dims;
  if (const std::vector<int64_t>* given = Given(input.name()); given != nullptr) {
    dims = *given;
  } else {
    bool open = !input.type().tensor_type().has_shape();
    for (const auto& dim : ShapeOf(input).dim()) {
      const auto bound = dim.dim_param().empty() ? bound_.end() : bound_.find(dim.dim_param());
      if (!IsOpen(dim)) {
        dims.push_back(dim.dim_value());
      } else if (bound != bound_.end()) {
        dims.push_back(bound->second.value);
      } else {
        open = open || !dims.empty();
        dims.push_back(batch_.value_or(1));
      }
    }
    if (open) {
      open_.push_back(&input);
      return;
    }
  }
  if (HasOpenBatch(input)) {
    if (!settled_batch_) settled_batch_ = dims.front();
    batch_taken_ = batch_taken_ || dims.front() == batch_;
  }
  if (dims_.emplace(input.name(), std::move(dims)).second) order_.push_back(input.name());
}

absl::Status OnnxInputShapes::CheckOpen() const {
  if (open_.empty()) return absl::OkStatus();
  std::vector<std::string> names, flags;
  for (const ValueInfoProto* const input : open_) {
    if (names.size() == kShownAtMost) break;
    names.push_back(fmt::format("'{}'", Shown(input->name())));
    flags.push_back(ShapeFlag(*input));
  }
  if (open_.size() > names.size()) {
    names.push_back(fmt::format("{} more", open_.size() - names.size()));
  }
  return absl::InvalidArgumentError(
      fmt::format("the file leaves the shape of input{} {} open; give it, in numbers, with {}",
                  open_.size() > 1 ? "s" : "", fmt::join(names, ", "), fmt::join(flags, " ")));
}

absl::Status OnnxInputShapes::CheckBatch() const {
  if (!batch_ || batch_taken_ || order_.empty()) return absl::OkStatus();
  const auto fits = [&](const auto& input) {
    return !input.second.empty() && input.second.front() == *batch_;
  };
  if (!settled_batch_ && std::any_of(dims_.begin(), dims_.end(), fits)) return absl::OkStatus();
  for (const std::string& input : order_) {
    if (const std::vector<int64_t>* given = Given(input); given != nullptr) {
      return absl::InvalidArgumentError(fmt::format("{} and --batch {} contradict each other",
                                                    GivenFlag(input, *given), *batch_));
    }
  }
  const std::string& first = order_.front();
  std::vector<int64_t> wanted = dims_.at(first);
  const std::string fixed = FormatShape(wanted);
  if (!wanted.empty()) wanted.front() = *batch_;
  return absl::InvalidArgumentError(fmt::format(
      "--batch {}: the file leaves no first dimension open ('{}' is {}); if the network "
      "takes it, give the shape: {}",
      *batch_, Shown(first), fixed, GivenFlag(first, wanted)));
}

absl::Status OnnxInputShapes::Settle(const std::set<std::string>& constants) {
  std::vector<const ValueInfoProto*> inputs;
  for (const ValueInfoProto& input : graph_.input()) {
    if (!constants.contains(input.name()) && input.type().has_tensor_type()) {
      inputs.push_back(&input);
    }
  }
  for (const ValueInfoProto* input : inputs) {
    if (absl::Status status = BindGiven(*input); !status.ok()) return status;
  }
  for (const ValueInfoProto* input : inputs) BindBatch(*input);
  for (const ValueInfoProto* input : inputs) Resolve(*input);
  if (absl::Status status = CheckOpen(); !status.ok()) return status;
  return CheckBatch();
}

}  // namespace synergy
