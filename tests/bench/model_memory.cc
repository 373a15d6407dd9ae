// Bar: an engine that runs a model with packed weights needs the weights' size once and what any
// engine needs: the weights are the file's pages, and no measured iteration waits for one of them.
// The same engine with a model of next to no weights is what it is compared with. Exits 1 where
// the engine needs more, or where pages are fetched while iterations are measured.
//
//   model_memory LAUNCHER MEGABYTES ENGINE...
#include <caffe2/proto/caffe2.pb.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/tensor_pack.h"
#include "tests/conformance/engine_process.h"

namespace synergy {
namespace {

constexpr int64_t kWidth = 2500;         // of a fully connected layer: 25 MB of weights
constexpr double kMostExtraBytes = 8e6;  // buffers of the math library
constexpr double kMostExtra = 0.01;      // of the weights' size besides
constexpr uint32_t kIterations = 5;
// Of all of the weights' pages it would be thousands; timers and buffers fetch a few.
constexpr int64_t kMostFaults = 200;

[[noreturn]] void Fail(const std::string& text) {
  fmt::print(stderr, "model_memory: {}\n", text);
  std::exit(1);
}

caffe2::NetDef FullyConnected(int64_t layers) {
  caffe2::NetDef net;
  net.set_name("fully_connected");
  std::string blob = "data";
  for (int64_t i = 0; i < layers; ++i) {
    caffe2::OperatorDef* op = net.add_op();
    op->set_type("FC");
    op->add_input(blob);
    for (const char* role : {"w", "b"}) op->add_input(fmt::format("fc{}_{}", i, role));
    blob = fmt::format("fc{}", i);
    op->add_output(blob);
  }
  net.add_external_output(blob);
  return net;
}

// A file without a name that holds the weights of FullyConnected.
UniqueFd WeightsFile(int64_t layers, int64_t width) {
  std::string path = "/tmp/model_memory.XXXXXX";
  UniqueFd file(mkstemp(path.data()));
  if (!file.ok() || unlink(path.c_str()) != 0) Fail("no file could be created in /tmp");
  const std::vector<float> values(static_cast<size_t>(width * width), 1e-3f);
  const auto bytes = [&](int64_t count) {
    return std::string_view(reinterpret_cast<const char*>(values.data()),
                            static_cast<size_t>(count) * sizeof(float));
  };
  std::vector<TensorView> tensors;
  for (int64_t i = 0; i < layers; ++i) {
    tensors.push_back({.name = fmt::format("fc{}_w", i),
                       .type = v1::DATA_TYPE_FLOAT32,
                       .dims = {width, width},
                       .bytes = bytes(width * width)});
    tensors.push_back({.name = fmt::format("fc{}_b", i),
                       .type = v1::DATA_TYPE_FLOAT32,
                       .dims = {width},
                       .bytes = bytes(width)});
  }
  if (absl::Status status = WriteTensorPack(tensors, file.get()); !status.ok()) {
    Fail(status.ToString());
  }
  return file;
}

v1::WorkerEvent Expect(EngineProcess& engine, v1::WorkerEvent::EventCase wanted) {
  absl::StatusOr<std::optional<v1::WorkerEvent>> event = engine.Receive();
  if (!event.ok()) Fail(event.status().ToString());
  if (!event->has_value()) Fail("the engine ended");
  if ((*event)->event_case() != wanted) Fail((*event)->DebugString());
  return **event;
}

void Run(EngineProcess& engine, v1::Phase phase, uint32_t count) {
  v1::WorkerCommand command;
  command.mutable_run()->set_phase(phase);
  command.mutable_run()->set_count(count);
  if (!engine.Send(command).ok()) Fail("Run could not be sent");
  if (phase == v1::PHASE_WARMUP) Expect(engine, v1::WorkerEvent::kOperators);
  Expect(engine, v1::WorkerEvent::kBlockDone);
}

// "VmHWM", in bytes.
int64_t Memory(pid_t pid, const std::string& field) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(field + ":")) continue;
    return std::strtoll(line.c_str() + field.size() + 1, nullptr, 10) * 1024;
  }
  Fail("the engine's memory is not to be seen");
}

// Page faults so far, small and large: fields 10 and 12 of /proc/PID/stat, the 8th and 10th behind
// the name.
int64_t Faults(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
  if (words.size() < 10) Fail("the engine's page faults are not to be seen");
  return std::atoll(words[7].c_str()) + std::atoll(words[9].c_str());
}

struct Use {
  int64_t peak_bytes = 0;  // of everything that is in memory
  int64_t own_bytes = 0;   // what is no file's
  int64_t faults = 0;      // in measured iterations
};

Use Measure(const std::string& engine_path, const std::string& launcher, int64_t layers,
            int64_t width) {
  const UniqueFd weights = WeightsFile(layers, width);
  EngineProcess engine({.engine = engine_path,
                        .launcher = launcher,
                        .predict = FullyConnected(layers).SerializeAsString(),
                        .init = "",
                        .ring = {.lanes = 4, .capacity = 1u << 10},
                        .weights_fd = weights.get()});
  Expect(engine, v1::WorkerEvent::kHello);
  v1::WorkerCommand command;
  command.mutable_load()->set_protocol_version(kWorkerProtocolVersion);
  command.mutable_load()->set_threads(1);
  v1::InputShape* input = command.mutable_load()->add_inputs();
  input->set_blob("data");
  for (const int64_t dim : {int64_t{1}, width}) input->add_dims(dim);
  if (!engine.Send(command).ok()) Fail("Load could not be sent");
  Expect(engine, v1::WorkerEvent::kLoaded);
  Run(engine, v1::PHASE_WARMUP, 1);
  const int64_t before = Faults(engine.pid());
  Run(engine, v1::PHASE_MEASURE, kIterations);
  return {.peak_bytes = Memory(engine.pid(), "VmHWM"),
          .own_bytes = Memory(engine.pid(), "RssAnon"),
          .faults = Faults(engine.pid()) - before};
}

int Main(int argc, char** argv) {
  if (argc < 4) Fail("usage: model_memory LAUNCHER MEGABYTES ENGINE...");
  constexpr int64_t kLayerBytes = kWidth * (kWidth + 1) * int64_t{sizeof(float)};
  const int64_t layers =
      std::max<int64_t>(1, (std::atoll(argv[2]) * 1'000'000 + kLayerBytes / 2) / kLayerBytes);
  const auto weights = static_cast<double>(layers * kLayerBytes);
  bool good = true;
  for (int i = 3; i < argc; ++i) {
    const Use none = Measure(argv[i], argv[1], 1, 8);
    const Use use = Measure(argv[i], argv[1], layers, kWidth);
    const auto peak = static_cast<double>(use.peak_bytes - none.peak_bytes);
    const auto own = static_cast<double>(use.own_bytes - none.own_bytes);
    const double extra = kMostExtra * weights + kMostExtraBytes;
    const bool within = peak <= weights + extra && own <= extra && use.faults <= kMostFaults;
    good = good && within;
    const std::string engine = argv[i];
    fmt::print(
        "{}: {}: {:.0f} MB of weights; peak {:.1f} MB, without them {:.1f} MB: {:+.1f} MB beyond "
        "the "
        "weights (at most {:.0f}), memory of its own {:+.1f} MB (at most {:.0f}); {} page faults "
        "in "
        "{} measured iterations (at most {})\n",
        within ? "ok" : "FAILED", engine.substr(engine.rfind('/') + 1), weights * 1e-6,
        static_cast<double>(use.peak_bytes) * 1e-6, static_cast<double>(none.peak_bytes) * 1e-6,
        (peak - weights) * 1e-6, extra * 1e-6, own * 1e-6, extra * 1e-6, use.faults, kIterations,
        kMostFaults);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
