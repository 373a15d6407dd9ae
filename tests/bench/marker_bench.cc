// Bar: what one marker costs, begin + end + ring write, at most 100 ns (aim 25). The figure that
// counts is the dearest of them, BM_Observer: a Caffe2 operator's StartAllObservers and
// StopAllObservers with the engine's hook attached. Exits 1 where its median is above.
//
// Arguments are Google Benchmark's.
#include <benchmark/benchmark.h>
#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/workspace.h>
#include <fmt/format.h>

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/marker_ring.h"
#include "common/marker_ring_reader.h"
#include "common/marker_ring_writer.h"
#include "common/unique_fd.h"
#include "daemon/worker/operator_hook.h"
#include "daemon/worker/stamped_lane.h"

namespace synergy {
namespace {

constexpr double kMostNs = 100;
constexpr double kAimNs = 25;
constexpr int kBatch = 4096;  // markers between two drainings; the ring holds 16384
constexpr int kBatches = 200;

// A ring with a reader, as the daemon keeps it drained.
class Ring {
 public:
  Ring() : fd_(*CreateMarkerRing(geometry_)), writer_(*MarkerRingWriter::Map(fd_.get())) {}
  MarkerRingWriter& writer() { return writer_; }
  void Drain() {
    markers_.clear();
    if (!reader_.DrainUntrusted(&markers_).ok() || *reader_.Dropped() != 0) std::abort();
  }
  // A clock with a measured rate, as an engine has after loading its net.
  StampedLane Lane(bool use_counter) {
    StampedLane lane(writer_.Claim(), TickClock(use_counter));
    const int64_t until = MonotonicNs() + 20'000'000;
    while (MonotonicNs() < until) benchmark::DoNotOptimize(lane.Now());
    return lane;
  }

 private:
  const RingGeometry geometry_;
  UniqueFd fd_;
  MarkerRingWriter writer_;
  MarkerRingReader reader_{fd_.get(), geometry_};
  std::vector<Marker> markers_;
};

// CPU time of this thread: who else wants the CPU does not make markers dearer.
int64_t CpuNs() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// Times kBatch calls of `marker` at once, and drains the ring apart from that.
template <typename F>
void TimeBatches(benchmark::State& state, Ring* ring, const F& marker) {
  for (auto _ : state) {
    const int64_t begin_ns = CpuNs();
    for (int i = 0; i < kBatch; ++i) marker(static_cast<uint32_t>(i));
    state.SetIterationTime(static_cast<double>(CpuNs() - begin_ns) * 1e-9 / kBatch);
    ring->Drain();
  }
}

void BM_ClockGettime(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(MonotonicNs());
}
BENCHMARK(BM_ClockGettime);

void BM_Stamp(benchmark::State& state) {
  Ring ring;
  StampedLane lane = ring.Lane(CounterIsTrusted());
  for (auto _ : state) benchmark::DoNotOptimize(lane.Now());
}
BENCHMARK(BM_Stamp);

// Slot and ring alone.
void BM_RingWrite(benchmark::State& state) {
  Ring ring;
  MarkerLane lane = ring.writer().Claim();
  TimeBatches(state, &ring, [&](uint32_t op) {
    lane.Begin(op, 0, 4, 1);
    lane.End(2);
  });
}
BENCHMARK(BM_RingWrite)->UseManualTime()->Iterations(kBatches);

void BM_LaneByClockGettime(benchmark::State& state) {
  Ring ring;
  StampedLane lane = ring.Lane(false);
  TimeBatches(state, &ring, [&](uint32_t op) {
    lane.Begin(op, 0, 4);
    lane.End();
  });
}
BENCHMARK(BM_LaneByClockGettime)->UseManualTime()->Iterations(kBatches);

void BM_Lane(benchmark::State& state) {
  Ring ring;
  StampedLane lane = ring.Lane(CounterIsTrusted());
  TimeBatches(state, &ring, [&](uint32_t op) {
    lane.Begin(op, 0, 4);
    lane.End();
  });
}
BENCHMARK(BM_Lane)->UseManualTime()->Iterations(kBatches);

void BM_Observer(benchmark::State& state) {
  Ring ring;
  caffe2::Workspace workspace;
  const std::string blob = "data";
  caffe2::BlobGetMutableTensor(workspace.CreateBlob(blob), {1}, at::dtype<float>())
      ->mutable_data<float>()[0] = 1;
  caffe2::NetDef def;
  def.set_name("one");
  caffe2::OperatorDef* op_def = def.add_op();
  op_def->set_type("Relu");
  op_def->add_input(blob);
  op_def->add_output(blob);
  caffe2::NetBase* net = workspace.CreateNet(def);
  net->AttachObserver(
      std::make_unique<NetHook>(net, &ring.writer(), ring.Lane(CounterIsTrusted())));
  caffe2::OperatorBase* op = net->GetOperators()[0];
  net->Run();
  TimeBatches(state, &ring, [&](uint32_t) {
    op->StartAllObservers();
    op->StopAllObservers();
  });
}
BENCHMARK(BM_Observer)->UseManualTime()->Iterations(kBatches);

// Prints as usual and keeps the medians.
class Reporter : public benchmark::ConsoleReporter {
 public:
  Reporter() : ConsoleReporter(OO_Tabular) {}
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.aggregate_name == "median") {
        medians_ns[run.run_name.function_name] = run.GetAdjustedRealTime();
      }
    }
  }
  std::map<std::string, double> medians_ns;
};

int Judge(const Reporter& reporter) {
  const auto it = reporter.medians_ns.find("BM_Observer");
  if (it == reporter.medians_ns.end()) {
    fmt::print(stderr, "no median of BM_Observer: use --benchmark_repetitions\n");
    return 1;
  }
  const bool within = it->second <= kMostNs;
  fmt::print("{}: a marker costs {:.1f} ns (at most {}, aim {}); stamps by {}\n",
             within ? "ok" : "FAILED", it->second, kMostNs, kAimNs,
             CounterIsTrusted() ? "the CPU's counter" : "clock_gettime");
  return within ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  int caffe2_argc = 1;
  caffe2::GlobalInit(&caffe2_argc, &argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  synergy::Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return synergy::Judge(reporter);
}
