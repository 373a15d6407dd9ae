#include "client/models/caffe2_net.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "client/models/blob_names.h"
#include "client/models/engine_nets.h"
#include "client/models/given_weights.h"
#include "client/models/init_pruning.h"
#include "client/models/net_file.h"
#include "client/models/not_finite.h"
#include "client/models/operator_shapes.h"
#include "client/models/shape_hint.h"
#include "common/nearest_name.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// Operators of which all inputs but the first are weights.
bool ReadsWeights(const caffe2::OperatorDef& op) {
  constexpr std::array<std::string_view, 6> kTypes = {"Conv",      "ConvTranspose", "FC",
                                                      "SpatialBN", "InstanceNorm",  "PRelu"};
  return std::find(kTypes.begin(), kTypes.end(), op.type()) != kTypes.end();
}

// Outputs that say something about the operator's work and are no result of the net.
bool IsByProduct(const caffe2::OperatorDef& op, int output) {
  constexpr std::array<std::string_view, 6> kTypes = {"Concat",  "DepthConcat", "Reshape",
                                                      "Dropout", "LRN",         "InstanceNorm"};
  return output > 0 && std::find(kTypes.begin(), kTypes.end(), op.type()) != kTypes.end();
}

class Reader {
 public:
  Reader(const Caffe2NetOptions& options, std::shared_ptr<caffe2::NetDef> predict, InitFile init)
      : options_(options), storage_(std::make_shared<WeightStorage>()) {
    model_.predict = std::move(*predict);
    storage_->net = std::move(init.net);
    storage_->tensors = std::move(init.tensors);
    if (storage_->net == nullptr) storage_->net = std::make_shared<caffe2::NetDef>();
    model_.name = !options.name.empty() ? options.name
                  : !model_.predict.name().empty()
                      ? std::string(Printable(model_.predict.name(), 64))
                      : "net";
    model_.seed = options.seed;
  }

  absl::StatusOr<Model> Read() {
    for (const auto step :
         {&Reader::CheckNames, &Reader::SetNetType, &Reader::PruneInit, &Reader::TakeWeights,
          &Reader::TakeInputs, &Reader::TakeOutputs, &Reader::Tidy, &Reader::Complete}) {
      if (auto status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(model_);
  }

 private:
  absl::Status Fail(const std::string& what) const {
    return absl::InvalidArgumentError(
        fmt::format("read the Caffe2 net {}: {}", Quoted(model_.name), what));
  }

  absl::Status CheckNames() {
    bool computes = false;
    for (const caffe2::NetDef* net : {&model_.predict, storage_->net.get()}) {
      for (const caffe2::OperatorDef& op : net->op()) {
        for (const auto* blobs : {&op.input(), &op.output()}) {
          for (const std::string& blob : *blobs) {
            if (Printable(blob, blob.size() + 1) == blob) continue;
            return Fail(fmt::format("the name of blob {} is no printable text", Quoted(blob)));
          }
        }
        computes = computes || (net == &model_.predict && op.input_size() > 0);
      }
    }
    if (computes) return absl::OkStatus();
    return Fail(
        "no operator of the predict net reads anything: is it the init net? Then give the "
        "other file to --net and this one to --init");
  }

  absl::Status SetNetType() {
    const std::string& own = model_.predict.type();
    const std::string& type = options_.net_type.empty() ? own : options_.net_type;
    const std::string today = TodaysNetType(type);
    if (today.empty()) {
      return Fail(fmt::format(
          "the engines have no net type {}. They have simple (also called async_simple, rnn) and "
          "async_scheduling (dag, prof_dag, async_dag, async_polling); choose one by --net-type",
          Quoted(type)));
    }
    if (!own.empty() && own != today) {
      model_.notes.push_back(fmt::format(
          "the file's net type is {}; {}{}", Quoted(own),
          options_.net_type.empty() ? "engines run it as " : "it runs as --net-type ", today));
    }
    model_.predict.set_type(today);
    return absl::OkStatus();
  }

  bool IsInput(const std::string& blob) const { return options_.input_shapes.contains(blob); }

  // Finds the blobs that the predict net reads before it writes them, in this order.
  absl::Status PruneInit() {
    std::set<std::string> written, seen;
    for (const caffe2::OperatorDef& op : model_.predict.op()) {
      for (const std::string& blob : op.input()) {
        if (!written.contains(blob) && seen.insert(blob).second) read_.push_back(blob);
      }
      written.insert(op.output().begin(), op.output().end());
    }
    std::set<std::string> needed;
    for (const std::string& blob : read_) {
      if (!IsInput(blob)) needed.insert(blob);
    }
    return PruneInitNet(model_.predict, std::move(needed), storage_->net.get(), &model_.notes);
  }

  absl::Status TakeWeights() {
    std::map<std::string, int> writers;
    std::set<std::string> read_by_init;
    for (const caffe2::OperatorDef& op : storage_->net->op()) {
      for (const std::string& blob : op.output()) ++writers[blob];
      read_by_init.insert(op.input().begin(), op.input().end());
    }
    for (const caffe2::OperatorDef& op : storage_->net->op()) {
      if (op.type().empty()) continue;
      const bool alone =
          HoldsValues(op) && writers[op.output(0)] == 1 && !read_by_init.contains(op.output(0));
      if (!alone) {
        *model_.init.add_op() = op;
        continue;
      }
      auto weight = GivenWeight(op, storage_.get());
      if (!weight.ok()) return Fail(weight.status().message().data());
      model_.weights.push_back(*std::move(weight));
    }
    for (const auto& [blob, count] : writers) made_.insert(blob);
    return TakeTensors();
  }

  absl::Status TakeTensors() {
    if (storage_->tensors == nullptr) return absl::OkStatus();
    const std::set<std::string> wanted(read_.begin(), read_.end());
    for (const caffe2::TensorProto& proto : storage_->tensors->protos()) {
      if (!wanted.contains(proto.name()) || IsInput(proto.name())) continue;
      if (!made_.insert(proto.name()).second) {
        return Fail(fmt::format("the weight {} is there twice", Quoted(proto.name())));
      }
      auto weight = GivenWeight(proto, storage_.get());
      if (!weight.ok()) return Fail(weight.status().message().data());
      model_.weights.push_back(*std::move(weight));
    }
    return absl::OkStatus();
  }

  absl::Status TakeInputs() {
    std::set<std::string> written_later;
    for (const caffe2::OperatorDef& op : model_.predict.op()) {
      written_later.insert(op.output().begin(), op.output().end());
    }
    std::vector<std::string> missing;
    for (const std::string& blob : read_) {
      const auto shape = options_.input_shapes.find(blob);
      if (shape != options_.input_shapes.end()) {
        model_.inputs.push_back({blob, shape->second});
      } else if (!made_.contains(blob) && !written_later.contains(blob)) {
        missing.push_back(blob);  // one that is written later is a cycle, told by CompleteModel
      }
    }
    for (const auto& [blob, dims] : options_.input_shapes) {
      if (std::find(read_.begin(), read_.end(), blob) != read_.end()) continue;
      const std::string near = NearestName(blob, read_);
      return Fail(fmt::format("--input-shape names {}, which no operator reads{}", Quoted(blob),
                              near.empty() ? "" : fmt::format("; did you mean {}?", Quoted(near))));
    }
    if (missing.empty()) return absl::OkStatus();
    return Fail(MissingText(missing));
  }

  // Of what is missing the weights are told by where operators read them.
  std::string MissingText(const std::vector<std::string>& missing) const {
    std::set<std::string> weights;
    for (const caffe2::OperatorDef& op : model_.predict.op()) {
      for (int i = 1; i < op.input_size() && ReadsWeights(op); ++i) weights.insert(op.input(i));
    }
    std::vector<std::string> missing_weights, inputs;
    for (const std::string& blob : missing) {
      (weights.contains(blob) ? missing_weights : inputs).push_back(blob);
    }
    const bool init = storage_->net->op_size() > 0 || storage_->tensors != nullptr;
    std::string text;
    if (!missing_weights.empty()) {
      text =
          init ? fmt::format("the file of --init has no weights {}: is it another network's?",
                             Some(missing_weights))
               : fmt::format("nobody makes the weights {}: they come from an init net, --init FILE",
                             Some(missing_weights));
    }
    if (inputs.empty()) return text;
    return fmt::format(
        "{}{}nobody makes {}, which it reads; {}an input needs its shape: {} (numbers for letters)",
        text, text.empty() ? "" : "; ", Some(inputs),
        init || !text.empty() ? "" : "weights come from an init net: --init FILE, and ",
        InputShapeFlags(model_, inputs));
  }

  absl::Status TakeOutputs() {
    const auto& declared = model_.predict.external_output();
    if (!declared.empty()) {
      std::set<std::string> seen;
      for (const std::string& output : declared) {
        if (seen.insert(output).second) model_.outputs.push_back(output);
      }
      return absl::OkStatus();
    }
    for (const caffe2::OperatorDef& op : model_.predict.op()) {
      for (const std::string& blob : op.input()) std::erase(model_.outputs, blob);
      for (int i = 0; i < op.output_size(); ++i) {
        std::erase(model_.outputs, op.output(i));
        if (!IsByProduct(op, i)) model_.outputs.push_back(op.output(i));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Tidy() {
    model_.weights_owner = storage_;
    std::vector<std::string> weights;
    for (const std::string& blob : read_) {
      if (made_.contains(blob) && !IsInput(blob)) weights.push_back(blob);
    }
    TidyForEngines(weights, options_.seed, &model_);
    return absl::OkStatus();
  }

  absl::Status Complete() {
    std::vector<std::string> odd;
    for (const TensorView& weight : model_.weights) {
      const std::string counts = NotFinite(weight);
      if (counts.empty()) continue;
      if (odd.empty()) {
        model_.notes.push_back(fmt::format("the weight {} has values that are not finite: {}",
                                           Quoted(weight.name), counts));
      }
      odd.push_back(weight.name);
    }
    if (odd.size() > 1) {
      model_.notes.push_back(
          fmt::format("{} weights have values that are not finite: {}", odd.size(), Some(odd)));
    }
    absl::Status status = CompleteModel(&model_);
    if (status.ok() || !model_.inputs.empty() || read_.empty()) return status;
    return absl::Status(
        status.code(),
        fmt::format(
            "{} (no blob was taken for an input, since the init net makes all that it reads; "
            "if {} is one, give its shape: {}, numbers for letters)",
            std::string(status.message().data(), status.message().size()), Quoted(read_.front()),
            InputShapeFlags(model_, {read_.front()})));
  }

  const Caffe2NetOptions& options_;
  Model model_;
  std::shared_ptr<WeightStorage> storage_;
  std::vector<std::string> read_;  // by the predict net before it writes them
  std::set<std::string> made_;     // of them, and what makes them, by the init file
};

}  // namespace

absl::StatusOr<Model> ReadCaffe2Model(std::string predict, std::string init,
                                      const Caffe2NetOptions& options) {
  auto net = ParseNetUntrusted(predict, "predict net", "--net");
  if (!net.ok()) return net.status();
  InitFile weights;
  if (!init.empty()) {
    auto parsed = ParseInitUntrusted(init);
    if (!parsed.ok()) return parsed.status();
    weights = *std::move(parsed);
  }
  // The messages hold their own copies.
  std::string().swap(predict);
  std::string().swap(init);
  return Reader(options, *std::move(net), std::move(weights)).Read();
}

}  // namespace synergy
