#include "daemon/worker/caffe2_engine.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "caffe2/core/net.h"
#include "caffe2/core/operator.h"
#include "caffe2/core/tensor.h"
#include "caffe2/core/workspace.h"
#include "common/printable.h"
#include "common/tensor_pack.h"
#include "common/worker_protocol.h"
#include "daemon/worker/net_source.h"
#include "daemon/worker/operator_hook.h"
#include "daemon/worker/operator_report.h"
#include "daemon/worker/stamped_lane.h"
#include "daemon/worker/tensor_blobs.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr uint8_t kSetup = static_cast<uint8_t>(v1::PHASE_SETUP);

// A mistyped shape shall not take all memory: 2^31 elements are 8 GiB.
constexpr int64_t kMaxInputElements = int64_t{1} << 31;
constexpr size_t kMaxNameBytes = 100;

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

void AddNote(const char* code, std::string text,
             google::protobuf::RepeatedPtrField<v1::WorkerEvent::Note>* notes) {
  v1::WorkerEvent::Note* note = notes->Add();
  note->set_code(code);
  note->set_text(std::move(text));
}

class Caffe2Engine final : public Engine {
 public:
  Caffe2Engine(const EngineFiles& files, MarkerRingWriter ring, MathBackend math)
      : files_(files), ring_(std::move(ring)), math_(std::move(math)) {}

  std::string name() const override { return "caffe2-" + math_.name; }
  std::string version() const override { return "Caffe2 of PyTorch 1.13.1, " + math_.version; }
  uint32_t max_threads() const override { return math_.max_threads; }
  std::optional<uint32_t> failed_operator() const override { return failed_operator_; }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const v1::WorkerCommand::Load& load) override {
    load_ = load;
    StampedLane lane(ring_.Claim(), TickClock(CounterIsTrusted()));
    const auto phase = [&](uint32_t op, uint32_t part, auto step) {
      lane.Begin(op, part, kSetup);
      absl::Status status = step();
      if (status.ok()) lane.End();  // otherwise the slot goes on saying where it happened
      return status;
    };
    absl::Status status = phase(kOpLoad, 0, [&] { return ReadModel(); });
    if (status.ok()) status = phase(kOpInit, 0, [&] { return RunInitNet(); });
    if (status.ok()) status = phase(kOpLoad, 1, [&] { return CreatePredictNet(); });
    if (!status.ok()) return status;
    auto hook = std::make_unique<NetHook>(net_, &ring_, lane);
    hook_ = hook.get();
    net_->AttachObserver(std::move(hook));
    loaded_.set_net_name(predict_.name());
    loaded_.set_operators(static_cast<uint32_t>(predict_.op_size()));
    return loaded_;
  }

  absl::Status Run(const v1::WorkerCommand::Run& run, const Report& report) override {
    const auto phase = static_cast<uint8_t>(run.phase());
    hook_->lane().Calibrate(phase);
    for (uint32_t i = 0; i < run.count(); ++i) {
      if (absl::Status s = RunOnce(phase, run.first_iteration() + i); !s.ok()) return s;
      const bool now = run.phase() == v1::PHASE_WARMUP || i + 1 == run.count();
      if (!reported_ && now) {
        if (absl::Status s = report(DescribeOperators(predict_, *hook_)); !s.ok()) return s;
        reported_ = true;
      }
    }
    hook_->lane().Calibrate(phase);
    return absl::OkStatus();
  }

  absl::StatusOr<v1::WorkerEvent::OutputsWritten> WriteOutputs() override {
    if (absl::Status s = RestoreOutputs(); !s.ok()) return s;
    std::vector<TensorView> views;
    std::set<std::string> names;
    for (const std::string& name : predict_.external_output()) {
      if (!names.insert(name).second) continue;
      absl::StatusOr<TensorView> view = ViewBlob(name, workspace_);
      if (!view.ok()) return view.status();
      views.push_back(*std::move(view));
    }
    const absl::StatusOr<TensorPackLayout> layout = LayOutTensorPack(views);
    if (!layout.ok()) return layout.status();
    if (layout->total_bytes > kMaxOutputsBytes) {
      return absl::ResourceExhaustedError(
          fmt::format("the outputs have {} bytes, and at most {} can be kept; use a smaller batch",
                      layout->total_bytes, kMaxOutputsBytes));
    }
    if (absl::Status s = WriteTensorPack(views, files_.outputs); !s.ok()) return s;
    v1::WorkerEvent::OutputsWritten written;
    written.set_bytes(layout->total_bytes);
    if (std::string nans = DescribeNans(views); !nans.empty()) {
      AddNote("nan_outputs", "the outputs have " + nans, written.mutable_notes());
    }
    return written;
  }

 private:
  absl::Status ReadModel() {
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
    if (EffectiveNetType(predict_) == "simple") return SetMathThreads(load_.threads());
    predict_.set_num_workers(static_cast<int>(load_.threads()));
    return math_.set_threads(1);
  }

  absl::Status SetMathThreads(uint32_t threads) {
    if (threads <= math_.max_threads) return math_.set_threads(threads);
    return absl::InvalidArgumentError(
        fmt::format("{} threads: {} runs operators on at most {}; ask for fewer, or for another "
                    "engine",
                    threads, name(), math_.max_threads));
  }

  absl::Status ShareWeights() {
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
        return absl::InvalidArgumentError(fmt::format(
            "weight '{}': the init net makes it, or it is an input of the job; a blob is "
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
      AddNote("nan_weights", "the weights have " + nans, loaded_.mutable_notes());
    }
    return absl::OkStatus();
  }

  absl::Status RunInitNet() {
    if (init_.op_size() == 0) return absl::OkStatus();
    workspace_.last_failed_op_net_position = caffe2::OperatorBase::kNoNetPositionSet;
    absl::Status status = Catch("the init net", [&] { return workspace_.RunNetOnce(init_); });
    const int failed = workspace_.last_failed_op_net_position;
    if (status.ok() || failed < 0 || failed >= init_.op_size()) return status;
    return absl::Status(status.code(), fmt::format("{} of the init net: {}",
                                                   OperatorLabel(failed, init_.op(failed)),
                                                   std::string(status.message())));
  }

  // Errors: an input twice, or one that no operator reads.
  absl::Status CheckInputs() {
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
              loaded_.mutable_notes());
    }
    return absl::OkStatus();
  }

  absl::Status FillInputs() {
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

  // The outputs of an iteration that begins with the inputs, where the last one did not.
  absl::Status RestoreOutputs() {
    if (overwritten_.empty()) return absl::OkStatus();
    if (absl::Status s = FillInputs(); !s.ok()) return s;
    caffe2::NetDef once = predict_;
    once.set_name(predict_.name() + "_outputs");
    return Catch("the net, once more for its outputs", [&] { return workspace_.RunNetOnce(once); });
  }

  absl::Status CreatePredictNet() {
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

  absl::Status RunOnce(uint8_t phase, uint32_t iteration) {
    hook_->SetIteration(phase, iteration);
    workspace_.last_failed_op_net_position = caffe2::OperatorBase::kNoNetPositionSet;
    StampedLane& lane = hook_->lane();
    Marker whole = {.begin_ns = lane.Now(),
                    .end_ns = 0,
                    .op = kOpNet,
                    .iteration = iteration,
                    .thread = 0,
                    .device = 0,
                    .phase = phase,
                    .reserved = 0};
    absl::Status status = Catch("the net", [&] { return net_->Run(); });
    whole.end_ns = lane.Now();
    lane.Write(whole);
    if (status.ok()) return status;
    const int failed = workspace_.last_failed_op_net_position;
    std::string where = "predict net";
    if (failed >= 0 && failed < predict_.op_size()) {
      failed_operator_ = static_cast<uint32_t>(failed);
      where = OperatorLabel(failed, predict_.op(failed));
    }
    return absl::Status(status.code(),
                        fmt::format("{} in iteration {}: {}; check the model and the "
                                    "shapes of its inputs",
                                    where, iteration, std::string(status.message())));
  }

  const EngineFiles files_;
  MarkerRingWriter ring_;
  const MathBackend math_;
  caffe2::NetDef predict_;
  caffe2::NetDef init_;
  v1::WorkerCommand::Load load_;
  v1::WorkerEvent::Loaded loaded_;
  std::vector<std::string> overwritten_;  // inputs that operators write to
  MappedTensorPack weights_;              // blobs of the workspace are its memory
  caffe2::Workspace workspace_;
  caffe2::NetBase* net_ = nullptr;  // the workspace's
  NetHook* hook_ = nullptr;         // the net's
  bool reported_ = false;
  std::optional<uint32_t> failed_operator_;
};

}  // namespace

std::unique_ptr<Engine> MakeCaffe2Engine(const EngineFiles& files, MarkerRingWriter ring,
                                         MathBackend math) {
  return std::make_unique<Caffe2Engine>(files, std::move(ring), std::move(math));
}

}  // namespace synergy
