// CompleteModel: the graph as a whole, operator by operator in the order in which Caffe2 runs them.
#include <map>
#include <set>
#include <utility>

#include "client/models/blob_names.h"
#include "client/models/operator_shapes.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxKnownInts = 64;  // more are no shape

std::string Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// What every blob is at one moment of the run.
class Graph {
 public:
  explicit Graph(Model* model) : model_(*model) {}

  absl::Status Complete() {
    for (const auto step : {&Graph::TakeInputs, &Graph::TakeFillers, &Graph::TakeWeights,
                            &Graph::RunOperators, &Graph::CheckOutputs, &Graph::SumUp}) {
      if (auto status = (this->*step)(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Fail(const std::string& what) const {
    return absl::InvalidArgumentError(
        fmt::format("check the net {}: {}", Quoted(model_.name), what));
  }

  // A blob that is there before the predict net runs.
  absl::Status Add(BlobShape blob, std::string_view kind) {
    if (blob.blob.empty()) return Fail(fmt::format("{} has no name", kind));
    if (auto status = CheckBlobSize(blob.dims); !status.ok()) {
      return Fail(fmt::format("{} {}: {}", kind, Quoted(blob.blob), Message(status)));
    }
    const std::string name = blob.blob;
    if (!blobs_.emplace(name, std::move(blob)).second) {
      return Fail(fmt::format("the blob {} is there twice: as {} and as something else",
                              Quoted(name), kind));
    }
    return absl::OkStatus();
  }

  absl::Status TakeInputs() {
    for (const BlobShape& input : model_.inputs) {
      if (auto status = Add(input, "an input"); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status TakeFillers() {
    for (int i = 0; i < model_.init.op_size(); ++i) {
      const caffe2::OperatorDef& op = model_.init.op(i);
      auto inputs = InputsOf(op, i, model_.init);
      if (!inputs.ok()) return inputs.status();
      auto outputs = InferOperator(op, *inputs, known_);
      if (!outputs.ok()) return At(i, op, "of the init net", outputs.status());
      for (BlobShape& output : *outputs) {
        known_.erase(output.blob);
        Learn(op, output);
        if (made_by_init_.insert(output.blob).second) {
          if (auto status = Add(output, "a weight of the init net"); !status.ok()) return status;
        } else {
          blobs_[output.blob] = std::move(output);
        }
      }
    }
    return absl::OkStatus();
  }

  // Integers that an operator of the init net holds.
  void Learn(const caffe2::OperatorDef& op, const BlobShape& output) {
    if (output.type != v1::DATA_TYPE_INT32 && output.type != v1::DATA_TYPE_INT64) return;
    if (!op.type().starts_with("GivenTensor")) return;
    for (const caffe2::Argument& arg : op.arg()) {
      if (arg.name() != "values" || static_cast<size_t>(arg.ints_size()) > kMaxKnownInts) continue;
      known_[output.blob] = {arg.ints().begin(), arg.ints().end()};
    }
  }

  absl::Status TakeWeights() {
    for (const TensorView& weight : model_.weights) {
      auto status = Add({weight.name, weight.dims, weight.type}, "a weight");
      if (!status.ok()) return status;
      int64_t elements = 1;
      for (int64_t dim : weight.dims) elements *= dim;
      const uint64_t size = ElementSize(weight.type);
      if (weight.bytes.size() != static_cast<uint64_t>(elements) * size) {
        return Fail(fmt::format("the weight {} has {} bytes for the shape {}", Quoted(weight.name),
                                weight.bytes.size(), FormatShape(weight.dims)));
      }
      Learn(weight);
    }
    return absl::OkStatus();
  }

  void Learn(const TensorView& weight) {
    const size_t size = ElementSize(weight.type);
    const bool ints = weight.type == v1::DATA_TYPE_INT32 || weight.type == v1::DATA_TYPE_INT64;
    if (!ints || weight.bytes.size() > kMaxKnownInts * size) return;
    std::vector<int64_t>& values = known_[weight.name];
    for (size_t at = 0; at < weight.bytes.size(); at += size) {
      int64_t wide = 0;
      int32_t narrow = 0;
      std::memcpy(size == 8 ? static_cast<void*>(&wide) : &narrow, weight.bytes.data() + at, size);
      values.push_back(size == 8 ? wide : narrow);
    }
  }

  absl::Status At(int index, const caffe2::OperatorDef& op, std::string_view net,
                  const absl::Status& status) const {
    return absl::Status(status.code(),
                        fmt::format("check the net {}: operator {} {} {}, {}", Quoted(model_.name),
                                    index + 1, net, Quoted(op.name()), Message(status)));
  }

  absl::StatusOr<std::vector<BlobShape>> InputsOf(const caffe2::OperatorDef& op, int index,
                                                  const caffe2::NetDef& net) const {
    std::vector<BlobShape> inputs;
    for (const std::string& blob : op.input()) {
      auto it = blobs_.find(blob);
      if (it == blobs_.end()) return Missing(op, index, net, blob);
      inputs.push_back(it->second);
    }
    return inputs;
  }

  // Why operator `index` reads a blob that is not there.
  absl::Status Missing(const caffe2::OperatorDef& op, int index, const caffe2::NetDef& net,
                       const std::string& blob) const {
    for (int later = index; later < net.op_size(); ++later) {
      for (const std::string& output : net.op(later).output()) {
        if (output != blob) continue;
        return Fail(fmt::format(
            "operator {} {} ({}) reads {}, which operator {} {} writes only then: the graph has a "
            "cycle or its operators are out of order",
            index + 1, Quoted(op.name()), Printable(op.type(), 64), Quoted(blob), later + 1,
            Quoted(net.op(later).name())));
      }
    }
    return Fail(fmt::format(
        "operator {} {} ({}) reads {}, which is no input and no weight, and no operator writes it",
        index + 1, Quoted(op.name()), Printable(op.type(), 64), Quoted(blob)));
  }

  absl::Status RunOperators() {
    if (model_.predict.op_size() == 0) return Fail("it has no operators");
    model_.layers.clear();
    for (int i = 0; i < model_.predict.op_size(); ++i) {
      const caffe2::OperatorDef& op = model_.predict.op(i);
      auto inputs = InputsOf(op, i, model_.predict);
      if (!inputs.ok()) return inputs.status();
      auto layer = MakeLayer(op, *inputs, known_);
      if (!layer.ok()) return At(i, op, "", layer.status());
      for (const BlobShape& output : layer->outputs) {
        known_.erase(output.blob);
        Learn(op, output);
        blobs_[output.blob] = output;
      }
      model_.layers.push_back(*std::move(layer));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOutputs() {
    if (model_.outputs.empty()) return Fail("it has no output");
    std::set<std::string> seen;
    for (const std::string& output : model_.outputs) {
      if (!blobs_.contains(output)) {
        return Fail(fmt::format("no operator writes its output {}", Quoted(output)));
      }
      if (!seen.insert(output).second) {
        return Fail(fmt::format("it has the output {} twice", Quoted(output)));
      }
    }
    return absl::OkStatus();
  }

  absl::Status SumUp() {
    auto status = SumUpLayers(&model_);
    return status.ok() ? status : Fail(Message(status));
  }

  Model& model_;
  std::map<std::string, BlobShape> blobs_;
  std::set<std::string> made_by_init_;
  KnownInts known_;
};

}  // namespace

absl::Status CompleteModel(Model* model) { return Graph(model).Complete(); }

}  // namespace synergy
