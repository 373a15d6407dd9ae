#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The shapes of a graph's inputs, of what the file says and what the user adds to it.
namespace synergy {

class OnnxInputShapes {
 public:
  // `graph` and `given`, shapes by the names of inputs, are borrowed. Without `batch` it is 1.
  OnnxInputShapes(const ::onnx::GraphProto& graph,
                  const std::map<std::string, std::vector<int64_t>>& given,
                  std::optional<int64_t> batch);

  // Settles the dimensions that the file leaves open, those of one name (dim_param) all alike: as a
  // given shape says, or else, where one is an input's first, the batch. Inputs in `constants` are
  // none. InvalidArgument: a given shape of another rank, two given shapes of which a name gets two
  // values, an input with a dimension that stays open, or a batch that no input takes; the text
  // names the flags.
  absl::Status Settle(const std::set<std::string>& constants);

  // After Settle, of an input that is no constant.
  const std::vector<int64_t>& DimsOf(const std::string& input) const { return dims_.at(input); }
  // What the first dimension of the first input is that leaves it open; nothing: all are fixed.
  std::optional<int64_t> batch() const { return settled_batch_; }

 private:
  struct Bound {
    int64_t value = 0;
    std::string input;
  };

  const std::vector<int64_t>* Given(const std::string& input) const;
  absl::Status BindGiven(const ::onnx::ValueInfoProto& input);
  void BindBatch(const ::onnx::ValueInfoProto& input);
  void Resolve(const ::onnx::ValueInfoProto& input);
  absl::Status CheckOpen() const;
  absl::Status CheckBatch() const;

  const ::onnx::GraphProto& graph_;
  const std::map<std::string, std::vector<int64_t>>& given_;
  const std::optional<int64_t> batch_;
  std::map<std::string, Bound> bound_;  // by dim_param
  std::map<std::string, std::vector<int64_t>> dims_;
  std::vector<std::string> order_;                   // of the inputs in dims_
  std::vector<const ::onnx::ValueInfoProto*> open_;  // inputs that are in neither
  bool batch_taken_ = false;
  std::optional<int64_t> settled_batch_;
};

}  // namespace synergy
