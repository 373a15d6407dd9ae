#include "daemon/worker/caffe2_model.h"

#include <set>
#include <utility>

#include "caffe2/core/operator.h"
#include "common/printable.h"
#include "daemon/worker/net_source.h"
#include "daemon/worker/tensor_blobs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// A mistyped shape shall not take all memory: 2^31 elements are 8 GiB.
constexpr int64_t kMaxInputElements = int64_t{1} << 31;
constexpr size_t kMaxNameBytes = 100;

absl::Status CheckInput(const v1::InputShape& input, const std::set<std::string>& read) {
  if (!read.contains(input.blob())) {
    return absl::InvalidArgumentError(fmt::format(
        "input '{}': no operator of the predict net reads a blob of that name", input.blob()));
  }
  int64_t elements = 1;
  for (const int64_t dim : input.dims()) {
    if (dim < 1 || dim > kMaxInputElements / elements) {
      return absl::InvalidArgumentError(fmt::format(
          "input '{}' of shape {}: every dimension must be at least 1, and all elements "
          "together at most 2^31",
          input.blob(), fmt::join(input.dims(), "x")));
    }
    elements *= dim;
  }
  if (input.type() != v1::DATA_TYPE_UNSPECIFIED && !Caffe2Type(input.type()).has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("input '{}': its type {} is none that this engine knows", input.blob(),
                    static_cast<int>(input.type())));
  }
  return absl::OkStatus();
}

absl::StatusOr<MappedTensorPack> MapPack(int fd, PackMapping mapping, const char* role) {
  if (fd < 0) return MappedTensorPack();
  absl::StatusOr<MappedTensorPack> pack = MappedTensorPack::MapUntrusted(fd, mapping);
  if (pack.ok()) return pack;
  return absl::Status(pack.status().code(),
                      fmt::format("{}: {}", role, std::string(pack.status().message())));
}

// Calls `f`, which may throw what Caffe2 throws.
template <typename F>
absl::Status Catch(const std::string& what, const F& f) {
  try {
    if (f()) return absl::OkStatus();
    return absl::InternalError(fmt::format("{} failed; Caffe2 gave no reason", what));
  } catch (const c10::Error& e) {
    return absl::InvalidArgumentError(fmt::format("{} failed: {}", what, e.msg()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        fmt::format("{} failed: out of memory; use a smaller batch or net", what));
  } catch (const std::exception& e) {
    return absl::InternalError(fmt::format("{} failed: {}", what, e.what()));
  }
}

void AddNote(const char* code, std::string text, Caffe2Model::Notes* notes) {
  v1::WorkerEvent::Note* note = notes->Add();
  note->set_code(code);
  note->set_text(std::move(text));
}

}  // namespace

absl::Status Caffe2Model::Read(const v1::WorkerCommand::Load& load) {
  load_ = load;
  absl::StatusOr<caffe2::NetDef> predict = ReadNetUntrusted(files_.predict, "predict net");
  if (!predict.ok()) return predict.status();
  predict_ = *std::move(predict);
  if (absl::Status s = CheckPredictNet(predict_); !s.ok()) return s;
  absl::StatusOr<caffe2::NetDef> init = ReadNetUntrusted(files_.init, "init net");
  if (!init.ok()) return init.status();
  init_ = *std::move(init);
  if (absl::Status s = ShareWeights(); !s.ok()) return s;
  const std::vector<std::string> weights = workspace_.Blobs();
  if (absl::Status s = CheckOperators(init_, "init net", {weights.begin(), weights.end()});
      !s.ok()) {
    return s;
  }
  init_.set_type("simple");  // seeded fillers: their order must not matter, their threads neither
  if (predict_.name().empty()) predict_.set_name("unnamed");
  if (!is_simple()) predict_.set_num_workers(static_cast<int>(load_.threads()));
  return absl::OkStatus();
}

absl::Status Caffe2Model::ShareWeights() {
  absl::StatusOr<MappedTensorPack> weights =
      MapPack(files_.weights, PackMapping::kCopyOnWrite, "the weights");
  if (!weights.ok()) return weights.status();
  weights_ = *std::move(weights);
  std::set<std::string> others;
  for (const v1::InputShape& input : load_.inputs()) others.insert(input.blob());
  for (const caffe2::OperatorDef& op : init_.op())
    others.insert(op.output().begin(), op.output().end());
  for (const TensorView& view : weights_.tensors()) {
    const std::string name = Printable(view.name, kMaxNameBytes);
    if (others.contains(view.name)) {
      return absl::InvalidArgumentError(
          fmt::format("weight '{}': the init net makes it, or it is an input of the job; a blob is "
                      "given once",
                      name));
    }
    absl::Status status = Catch(fmt::format("weight '{}'", name), [&] {
      ShareTensor(view, &workspace_);
      return true;
    });
    if (!status.ok()) return status;
  }
  if (std::string nans = DescribeNans(weights_.tensors()); !nans.empty()) {
    AddNote("nan_weights", "the weights have " + nans, &notes_);
  }
  return absl::OkStatus();
}

absl::Status Caffe2Model::RunInitNet() {
  if (init_.op_size() == 0) return absl::OkStatus();
  workspace_.last_failed_op_net_position = caffe2::OperatorBase::kNoNetPositionSet;
  absl::Status status = Catch("the init net", [&] { return workspace_.RunNetOnce(init_); });
  const int failed = workspace_.last_failed_op_net_position;
  if (status.ok() || failed < 0 || failed >= init_.op_size()) return status;
  return absl::Status(status.code(),
                      fmt::format("{} of the init net: {}", OperatorLabel(failed, init_.op(failed)),
                                  std::string(status.message())));
}

// Errors: an input twice, or one that no operator reads.
absl::Status Caffe2Model::CheckInputs() {
  std::set<std::string> read, written, seen;
  for (const caffe2::OperatorDef& op : predict_.op()) {
    read.insert(op.input().begin(), op.input().end());
    written.insert(op.output().begin(), op.output().end());
  }
  for (const v1::InputShape& input : load_.inputs()) {
    if (absl::Status s = CheckInput(input, read); !s.ok()) return s;
    if (!seen.insert(input.blob()).second) {
      return absl::InvalidArgumentError(fmt::format("input '{}' is given twice", input.blob()));
    }
    if (written.contains(input.blob())) overwritten_.push_back(input.blob());
  }
  if (!overwritten_.empty()) {
    AddNote("inputs_overwritten",
            Printable(fmt::format("operators write to the inputs {}, so iterations after the "
                                  "first begin with what they left there",
                                  fmt::join(overwritten_, ", ")),
                      10 * kMaxNameBytes),
            &notes_);
  }
  return absl::OkStatus();
}

absl::Status Caffe2Model::FillInputs() {
  const absl::StatusOr<MappedTensorPack> values =
      MapPack(files_.inputs, PackMapping::kReadOnly, "the values of the inputs");
  if (!values.ok()) return values.status();
  if (absl::Status s = CheckInputValues(values->tensors(), load_.inputs()); !s.ok()) return s;
  for (int i = 0; i < load_.inputs_size(); ++i) {
    const v1::InputShape& input = load_.inputs(i);
    const TensorView* given = nullptr;
    for (const TensorView& view : values->tensors()) {
      if (view.name == input.blob()) given = &view;
    }
    absl::Status status = Catch(fmt::format("filling input '{}'", input.blob()), [&] {
      FillInput(input, given, load_.seed(), static_cast<size_t>(i), &workspace_);
      return true;
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The last iteration began with what the one before had left, or was followed by something else.
absl::Status Caffe2Model::RestoreOutputs() {
  if (overwritten_.empty() && !repeated_) return absl::OkStatus();
  if (absl::Status s = FillInputs(); !s.ok()) return s;
  caffe2::NetDef once = predict_;
  once.set_name(predict_.name() + "_outputs");
  return Catch("the net, once more for its outputs", [&] { return workspace_.RunNetOnce(once); });
}

absl::Status Caffe2Model::CreatePredictNet() {
  absl::Status status = CheckInputs();
  if (status.ok()) status = FillInputs();
  if (!status.ok()) return status;
  const std::vector<std::string> blobs = workspace_.Blobs();
  if (absl::Status s = CheckOperators(predict_, "predict net", {blobs.begin(), blobs.end()});
      !s.ok()) {
    return s;
  }
  return Catch("creating the predict net", [&] {
    net_ = workspace_.CreateNet(predict_);
    return net_ != nullptr;
  });
}

bool Caffe2Model::is_simple() const { return EffectiveNetType(predict_) == "simple"; }

absl::Status Caffe2Model::Run() {
  workspace_.last_failed_op_net_position = caffe2::OperatorBase::kNoNetPositionSet;
  absl::Status status = Catch("the net", [&] { return net_->Run(); });
  const int failed = workspace_.last_failed_op_net_position;
  if (!status.ok() && failed >= 0 && failed < predict_.op_size()) {
    failed_operator_ = static_cast<uint32_t>(failed);
  }
  return status;
}

absl::Status Caffe2Model::CheckOperator(uint32_t op) const {
  if (op < net_->GetOperators().size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("operator {} of a net of {} is to be repeated", op, net_->GetOperators().size()));
}

absl::Status Caffe2Model::RunUpTo(uint32_t op) {
  if (absl::Status s = CheckOperator(op); !s.ok()) return s;
  const std::vector<caffe2::OperatorBase*> operators = net_->GetOperators();
  repeated_ = true;
  for (uint32_t i = 0; i < op; ++i) {
    failed_operator_ = i;
    if (absl::Status s = Catch("the net, up to the operator that is to be repeated,",
                               [&] { return operators[i]->Run(); });
        !s.ok()) {
      return s;
    }
  }
  failed_operator_.reset();
  return absl::OkStatus();
}

absl::Status Caffe2Model::Repeat(uint32_t op, const std::function<bool()>& again) {
  if (absl::Status s = CheckOperator(op); !s.ok()) return s;
  caffe2::OperatorBase& repeated = *net_->GetOperators()[op];
  absl::Status status = Catch("the operator, repeated,", [&] {
    do {
      if (!repeated.Run()) return false;
    } while (again());
    return true;
  });
  if (!status.ok()) failed_operator_ = op;
  return status;
}

absl::StatusOr<std::vector<TensorView>> Caffe2Model::Outputs() {
  if (absl::Status s = RestoreOutputs(); !s.ok()) return s;
  std::vector<TensorView> views;
  std::set<std::string> names;
  for (const std::string& name : predict_.external_output()) {
    if (!names.insert(name).second) continue;
    absl::StatusOr<TensorView> view = ViewBlob(name, workspace_);
    if (!view.ok()) return view.status();
    views.push_back(*std::move(view));
  }
  return views;
}

}  // namespace synergy
