#include "daemon/worker/caffe2_engine.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "caffe2/core/net.h"
#include "caffe2/core/operator.h"
#include "caffe2/core/tensor.h"
#include "caffe2/core/workspace.h"
#include "daemon/worker/net_source.h"
#include "daemon/worker/operator_hook.h"
#include "daemon/worker/operator_report.h"
#include "daemon/worker/seeded_normal.h"
#include "daemon/worker/stamped_lane.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr uint8_t kSetup = static_cast<uint8_t>(v1::PHASE_SETUP);

// A mistyped shape shall not take all memory: 2^31 elements are 8 GiB.
constexpr int64_t kMaxInputElements = int64_t{1} << 31;

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
  return absl::OkStatus();
}

class Caffe2Engine final : public Engine {
 public:
  Caffe2Engine(int predict_fd, int init_fd, MarkerRingWriter ring, MathBackend math)
      : predict_fd_(predict_fd),
        init_fd_(init_fd),
        ring_(std::move(ring)),
        math_(std::move(math)) {}

  std::string name() const override { return "caffe2-" + math_.name; }
  std::string version() const override { return "Caffe2 of PyTorch 1.13.1, " + math_.version; }
  uint32_t max_threads() const override { return math_.max_threads; }
  std::optional<uint32_t> failed_operator() const override { return failed_operator_; }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const v1::WorkerCommand::Load& load) override {
    StampedLane lane(ring_.Claim(), TickClock(CounterIsTrusted()));
    const auto phase = [&](uint32_t op, uint32_t part, auto step) {
      lane.Begin(op, part, kSetup);
      absl::Status status = step();
      if (status.ok()) lane.End();  // otherwise the slot goes on saying where it happened
      return status;
    };
    absl::Status status = phase(kOpLoad, 0, [&] { return ReadNets(load); });
    if (status.ok()) status = phase(kOpInit, 0, [&] { return RunInitNet(); });
    if (status.ok()) status = phase(kOpLoad, 1, [&] { return CreatePredictNet(load); });
    if (!status.ok()) return status;
    auto hook = std::make_unique<NetHook>(net_, &ring_, lane);
    hook_ = hook.get();
    net_->AttachObserver(std::move(hook));
    v1::WorkerEvent::Loaded loaded;
    loaded.set_net_name(predict_.name());
    loaded.set_operators(static_cast<uint32_t>(predict_.op_size()));
    return loaded;
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

 private:
  absl::Status ReadNets(const v1::WorkerCommand::Load& load) {
    absl::StatusOr<caffe2::NetDef> predict = ReadNetUntrusted(predict_fd_, "predict net");
    if (!predict.ok()) return predict.status();
    predict_ = *std::move(predict);
    if (absl::Status s = CheckPredictNet(predict_); !s.ok()) return s;
    absl::StatusOr<caffe2::NetDef> init = ReadNetUntrusted(init_fd_, "init net");
    if (!init.ok()) return init.status();
    init_ = *std::move(init);
    if (absl::Status s = CheckOperators(init_, "init net", {}); !s.ok()) return s;
    init_.set_type("simple");  // seeded fillers: their order must not matter, their threads neither
    if (predict_.name().empty()) predict_.set_name("unnamed");
    if (EffectiveNetType(predict_) == "simple") return SetMathThreads(load.threads());
    predict_.set_num_workers(static_cast<int>(load.threads()));
    return math_.set_threads(1);
  }

  absl::Status SetMathThreads(uint32_t threads) {
    if (threads <= math_.max_threads) return math_.set_threads(threads);
    return absl::InvalidArgumentError(
        fmt::format("{} threads: {} runs operators on at most {}; ask for fewer, or for another "
                    "engine",
                    threads, name(), math_.max_threads));
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

  absl::Status FillInputs(const v1::WorkerCommand::Load& load) {
    std::set<std::string> read;
    for (const caffe2::OperatorDef& op : predict_.op())
      read.insert(op.input().begin(), op.input().end());
    for (int i = 0; i < load.inputs_size(); ++i) {
      const v1::InputShape& input = load.inputs(i);
      if (absl::Status s = CheckInput(input, read); !s.ok()) return s;
      absl::Status status = Catch(fmt::format("filling input '{}'", input.blob()), [&] {
        const std::vector<int64_t> dims(input.dims().begin(), input.dims().end());
        caffe2::Tensor* tensor = caffe2::BlobGetMutableTensor(workspace_.CreateBlob(input.blob()),
                                                              dims, at::dtype<float>());
        FillSeededNormal(load.seed(), static_cast<size_t>(i), tensor->mutable_data<float>(),
                         static_cast<size_t>(tensor->numel()));
        return true;
      });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status CreatePredictNet(const v1::WorkerCommand::Load& load) {
    if (absl::Status s = FillInputs(load); !s.ok()) return s;
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

  const int predict_fd_;
  const int init_fd_;
  MarkerRingWriter ring_;
  const MathBackend math_;
  caffe2::NetDef predict_;
  caffe2::NetDef init_;
  caffe2::Workspace workspace_;
  caffe2::NetBase* net_ = nullptr;  // the workspace's
  NetHook* hook_ = nullptr;         // the net's
  bool reported_ = false;
  std::optional<uint32_t> failed_operator_;
};

}  // namespace

std::unique_ptr<Engine> MakeCaffe2Engine(int predict_fd, int init_fd, MarkerRingWriter ring,
                                         MathBackend math) {
  return std::make_unique<Caffe2Engine>(predict_fd, init_fd, std::move(ring), std::move(math));
}

}  // namespace synergy
