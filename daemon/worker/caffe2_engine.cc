#include "daemon/worker/caffe2_engine.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/iteration_pause.h"
#include "common/tensor_pack.h"
#include "common/worker_protocol.h"
#include "daemon/worker/event_counters.h"
#include "daemon/worker/net_source.h"
#include "daemon/worker/operator_hook.h"
#include "daemon/worker/operator_report.h"
#include "daemon/worker/stamped_lane.h"
#include "daemon/worker/tensor_blobs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr uint8_t kSetup = static_cast<uint8_t>(v1::PHASE_SETUP);
// Of a marker of a repeated operator: short for any sensor, long for what a marker costs.
constexpr Nanoseconds kLoopSpan = Milliseconds(1);

class Caffe2Engine final : public Engine {
 public:
  Caffe2Engine(const EngineFiles& files, MarkerRingWriter ring, MathBackend math)
      : outputs_fd_(files.outputs), ring_(std::move(ring)), math_(std::move(math)), model_(files) {}

  std::string name() const override { return "caffe2-" + math_.name; }
  std::string version() const override { return "Caffe2 of PyTorch 1.13.1, " + math_.version; }
  uint32_t max_threads() const override { return math_.max_threads; }
  std::optional<uint32_t> failed_operator() const override { return model_.failed_operator(); }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const v1::WorkerCommand::Load& load) override {
    StampedLane lane(ring_.Claim(), TickClock(CounterIsTrusted()));
    const auto phase = [&](uint32_t op, uint32_t part, auto step) {
      lane.Begin(op, part, kSetup);
      absl::Status status = step();
      if (status.ok()) lane.End();  // otherwise the slot goes on saying where it happened
      return status;
    };
    absl::Status status = phase(kOpLoad, 0, [&] { return Read(load); });
    if (status.ok()) status = phase(kOpInit, 0, [&] { return model_.RunInitNet(); });
    if (status.ok()) status = phase(kOpLoad, 1, [&] { return model_.CreatePredictNet(); });
    if (!status.ok()) return status;
    auto hook = std::make_unique<NetHook>(&model_.net(), &ring_, lane);
    hook_ = hook.get();
    model_.net().AttachObserver(std::move(hook));
    v1::WorkerEvent::Loaded loaded;
    loaded.set_net_name(model_.predict().name());
    loaded.set_operators(static_cast<uint32_t>(model_.predict().op_size()));
    *loaded.mutable_notes() = model_.notes();
    return loaded;
  }

  absl::Status Run(const v1::WorkerCommand::Run& run, const Report& report) override {
    const auto phase = static_cast<uint8_t>(run.phase());
    hook_->lane().Calibrate(phase);
    const bool counted = counters_ && run.phase() == v1::PHASE_MEASURE;
    hook_->SetCounters(counted ? &*counters_ : nullptr);
    const Nanoseconds longest_pause{static_cast<int64_t>(run.longest_pause_ns())};
    for (uint32_t i = 0; i < run.count(); ++i) {
      const uint32_t iteration = run.first_iteration() + i;
      if (counted) counters_->Turn(iteration);
      Rest(PauseBefore(seed_, iteration, longest_pause));
      if (absl::Status s = RunOnce(phase, iteration); !s.ok()) return s;
      const bool now = run.phase() == v1::PHASE_WARMUP || i + 1 == run.count();
      if (!reported_ && now) {
        if (absl::Status s = report(DescribeOperators(model_.predict(), *hook_)); !s.ok()) return s;
        reported_ = true;
      }
    }
    hook_->lane().Calibrate(phase);
    return absl::OkStatus();
  }

  absl::StatusOr<v1::WorkerEvent::LoopDone> Loop(const v1::WorkerCommand::Loop& loop) override {
    constexpr auto kPhase = static_cast<uint8_t>(v1::PHASE_LOOP);
    StampedLane& lane = hook_->lane();
    lane.Calibrate(kPhase);
    hook_->SetIteration(kPhase, 0);
    hook_->SetCounters(nullptr);
    absl::Status status = model_.RunUpTo(loop.op());
    hook_->SetMuted(true);  // one marker for many executions
    const int64_t end_ns = lane.Now() + static_cast<int64_t>(loop.least_ns());
    uint32_t executions = 0;
    for (bool on = true; on && status.ok();) {
      lane.Begin(loop.op(), executions, kPhase);
      const int64_t span_end_ns = lane.Now() + kLoopSpan.count;
      status = model_.Repeat(loop.op(), [&] {
        const int64_t now = lane.Now();
        on = ++executions < loop.most() && now < end_ns;
        return executions < loop.most() && now < span_end_ns;
      });
      if (status.ok()) lane.End();  // otherwise the slot goes on saying where it happened
    }
    hook_->SetMuted(false);
    if (!status.ok()) return status;
    lane.Calibrate(kPhase);
    v1::WorkerEvent::LoopDone done;
    done.set_executions(executions);
    return done;
  }

  absl::StatusOr<v1::WorkerEvent::Counting> Count(const v1::WorkerCommand::Count& count,
                                                  std::vector<UniqueFd> fds) override {
    absl::StatusOr<EventCounters> counters =
        EventCounters::Make(count, std::move(fds), /*of_all_threads=*/model_.is_simple());
    if (!counters.ok()) return counters.status();
    counters_.emplace(*std::move(counters));
    return MeasureCounting(*counters_);
  }

  absl::StatusOr<v1::WorkerEvent::OutputsWritten> WriteOutputs() override {
    const absl::StatusOr<std::vector<TensorView>> views = model_.Outputs();
    if (!views.ok()) return views.status();
    const absl::StatusOr<TensorPackLayout> layout = LayOutTensorPack(*views);
    if (!layout.ok()) return layout.status();
    if (layout->total_bytes > kMaxOutputsBytes) {
      return absl::ResourceExhaustedError(
          fmt::format("the outputs have {} bytes, and at most {} can be kept; use a smaller batch",
                      layout->total_bytes, kMaxOutputsBytes));
    }
    if (absl::Status s = WriteTensorPack(*views, outputs_fd_); !s.ok()) return s;
    v1::WorkerEvent::OutputsWritten written;
    written.set_bytes(layout->total_bytes);
    if (std::string nans = DescribeNans(*views); !nans.empty()) {
      v1::WorkerEvent::Note& note = *written.add_notes();
      note.set_code("nan_outputs");
      note.set_text("the outputs have " + nans);
    }
    return written;
  }

 private:
  absl::Status Read(const v1::WorkerCommand::Load& load) {
    seed_ = load.seed();
    if (absl::Status s = model_.Read(load); !s.ok()) return s;
    return model_.is_simple() ? SetMathThreads(load.threads()) : math_.set_threads(1);
  }

  absl::Status SetMathThreads(uint32_t threads) {
    if (threads <= math_.max_threads) return math_.set_threads(threads);
    return absl::InvalidArgumentError(
        fmt::format("{} threads: {} runs operators on at most {}; ask for fewer, or for another "
                    "engine",
                    threads, name(), math_.max_threads));
  }

  // Asleep: its core draws then what it draws when idle.
  static void Rest(Nanoseconds pause) {
    if (pause.count > 0) RealClock().SleepUntil(RealClock().Now() + pause);
  }

  absl::Status RunOnce(uint8_t phase, uint32_t iteration) {
    hook_->SetIteration(phase, iteration);
    StampedLane& lane = hook_->lane();
    Marker whole = {.begin_ns = lane.Now(),
                    .end_ns = 0,
                    .op = kOpNet,
                    .iteration = iteration,
                    .thread = 0,
                    .device = 0,
                    .phase = phase,
                    .event = 0};
    const absl::Status status = model_.Run();
    whole.end_ns = lane.Now();
    lane.Write(whole);
    if (status.ok()) return status;
    const std::optional<uint32_t> failed = model_.failed_operator();
    const std::string where = failed ? OperatorLabel(static_cast<int>(*failed),
                                                     model_.predict().op(static_cast<int>(*failed)))
                                     : "predict net";
    return absl::Status(status.code(),
                        fmt::format("{} in iteration {}: {}; check the model and the "
                                    "shapes of its inputs",
                                    where, iteration, std::string(status.message())));
  }

  const int outputs_fd_;
  MarkerRingWriter ring_;
  const MathBackend math_;
  Caffe2Model model_;        // its net's hook writes into the ring
  NetHook* hook_ = nullptr;  // the net's
  std::optional<EventCounters> counters_;
  bool reported_ = false;
  uint64_t seed_ = 0;
};

}  // namespace

std::unique_ptr<Engine> MakeCaffe2Engine(const EngineFiles& files, MarkerRingWriter ring,
                                         MathBackend math) {
  return std::make_unique<Caffe2Engine>(files, std::move(ring), std::move(math));
}

}  // namespace synergy
