// Bar: the times of all operators of an iteration add up to the net's time, within 2 % (resnet50,
// both engines, each started as synergyd starts it). What is missing lies between operators. Exits
// 1 where the sum over all measured iterations misses more.
//
//   operator_sum LAUNCHER ITERATIONS ENGINE...
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/models/zoo.h"
#include "tests/conformance/engine_process.h"

namespace synergy {
namespace {

constexpr double kMostMissing = 0.02;
constexpr uint32_t kWarmup = 3;
// An engine is given 30 s for an answer, which is this many iterations of the slowest machines.
constexpr uint32_t kBlock = 10;

[[noreturn]] void Fail(const std::string& text) {
  fmt::print(stderr, "operator_sum: {}\n", text);
  std::exit(1);
}

v1::WorkerEvent Expect(EngineProcess& engine, v1::WorkerEvent::EventCase wanted) {
  absl::StatusOr<std::optional<v1::WorkerEvent>> event = engine.Receive();
  if (!event.ok()) Fail(event.status().ToString());
  if (!event->has_value()) Fail("the engine ended");
  if ((*event)->event_case() != wanted) Fail((*event)->DebugString());
  return **event;
}

void Load(EngineProcess& engine, const Model& model) {
  Expect(engine, v1::WorkerEvent::kHello);
  v1::WorkerCommand command;
  command.mutable_load()->set_protocol_version(kWorkerProtocolVersion);
  command.mutable_load()->set_threads(1);
  command.mutable_load()->set_seed(1);
  v1::InputShape* input = command.mutable_load()->add_inputs();
  input->set_blob(model.inputs[0].blob);
  input->mutable_dims()->Assign(model.inputs[0].dims.begin(), model.inputs[0].dims.end());
  if (!engine.Send(command).ok()) Fail("Load could not be sent");
  Expect(engine, v1::WorkerEvent::kLoaded);
}

void Run(EngineProcess& engine, v1::Phase phase, uint32_t first, uint32_t count) {
  v1::WorkerCommand command;
  command.mutable_run()->set_phase(phase);
  command.mutable_run()->set_first_iteration(first);
  command.mutable_run()->set_count(count);
  if (!engine.Send(command).ok()) Fail("Run could not be sent");
  if (phase == v1::PHASE_WARMUP) Expect(engine, v1::WorkerEvent::kOperators);
  Expect(engine, v1::WorkerEvent::kBlockDone);
}

bool Measure(const EngineProcess::Options& options, const Model& model, uint32_t iterations) {
  EngineProcess engine(options);
  Load(engine, model);
  Run(engine, v1::PHASE_WARMUP, 0, kWarmup);
  engine.TakeMarkers();
  std::vector<Marker> markers;
  for (uint32_t first = 0; first < iterations; first += kBlock) {
    Run(engine, v1::PHASE_MEASURE, first, std::min(kBlock, iterations - first));
    for (const Marker& marker : engine.TakeMarkers()) markers.push_back(marker);
  }
  int64_t net_ns = 0;
  std::vector<int64_t> nets(iterations, 0);
  std::vector<int64_t> sums(iterations, 0);
  int64_t sum_ns = 0;
  for (const Marker& m : markers) {
    if (m.op == kOpClock) continue;
    (m.op == kOpNet ? net_ns : sum_ns) += m.end_ns - m.begin_ns;
    (m.op == kOpNet ? nets : sums)[m.iteration] += m.end_ns - m.begin_ns;
  }
  double worst = 0;
  for (uint32_t i = 0; i < iterations; ++i) {
    worst = std::max(worst, 1 - static_cast<double>(sums[i]) / static_cast<double>(nets[i]));
  }
  const double missing = 1 - static_cast<double>(sum_ns) / static_cast<double>(net_ns);
  const bool within = missing >= 0 && missing <= kMostMissing && *engine.ring().Dropped() == 0;
  fmt::print(
      "{}: {}: {} operators, {} iterations, net {:.2f} ms, operators {:.4f} % less "
      "(worst iteration {:.4f} %, at most {} %)\n",
      within ? "ok" : "FAILED", options.engine.substr(options.engine.rfind('/') + 1),
      model.predict.op_size(), iterations, static_cast<double>(net_ns) * 1e-6 / iterations,
      missing * 100, worst * 100, kMostMissing * 100);
  return within;
}

int Main(int argc, char** argv) {
  if (argc < 4) Fail("usage: operator_sum LAUNCHER ITERATIONS ENGINE...");
  const auto entry = FindModel("resnet50");
  if (!entry.ok()) Fail(entry.status().ToString());
  const auto model = (*entry)->build(1, 1);
  if (!model.ok()) Fail(model.status().ToString());
  bool within = true;
  for (int i = 3; i < argc; ++i) {
    const EngineProcess::Options options{.engine = argv[i],
                                         .launcher = argv[1],
                                         .predict = *SerializeNet(model->predict),
                                         .init = *SerializeNet(model->init),
                                         .ring = {.lanes = 4, .capacity = 1u << 16}};
    within = Measure(options, *model, static_cast<uint32_t>(std::atoi(argv[2]))) && within;
  }
  return within ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
