// synergy-worker-caffe2-eigen and synergy-worker-caffe2-openblas: see README.md in this folder.
#include <unistd.h>

#include <memory>

#include "caffe2/core/init.h"
#include "common/marker_ring_writer.h"
#include "common/worker_protocol.h"
#include "daemon/worker/caffe2_engine.h"
#include "daemon/worker/protocol_session.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

int main(int /*argc*/, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("engine"));
  // Caffe2's flags are not ours: it sees the program's name alone.
  int caffe2_argc = 1;
  if (!caffe2::GlobalInit(&caffe2_argc, &argv)) {
    spdlog::error("Caffe2 did not initialize");
    return 1;
  }
  absl::StatusOr<synergy::MarkerRingWriter> ring =
      synergy::MarkerRingWriter::Map(synergy::kWorkerRingFd);
  if (!ring.ok()) {
    spdlog::error("{}; this program is started by synergyd", ring.status().ToString());
    return 1;
  }
  const std::unique_ptr<synergy::Engine> engine =
      synergy::MakeCaffe2Engine({.predict = synergy::kWorkerPredictFd,
                                 .init = synergy::kWorkerInitFd,
                                 .weights = synergy::kWorkerWeightsFd,
                                 .inputs = synergy::kWorkerInputsFd,
                                 .outputs = synergy::kWorkerOutputsFd},
                                *std::move(ring), synergy::LinkedMathBackend());
  return synergy::ServeEngine(*engine, synergy::kWorkerControlFd);
}
