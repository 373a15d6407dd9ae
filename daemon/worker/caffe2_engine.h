// The engine that runs Caffe2. The only Caffe2 process-wide state that it needs is set up by
// caffe2::GlobalInit, which main calls.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "common/marker_ring_writer.h"
#include "daemon/worker/engine.h"
#include "daemon/worker/math_backend.h"

namespace synergy {

// Reads the nets from `predict_fd` and `init_fd` (borrowed) and writes markers into `ring`.
//
// Load: reads both nets (kOpLoad), runs the init net (kOpInit), fills the inputs and creates the
// predict net (kOpLoad, iteration 1), all in phase SETUP. Weights that the init net makes are never
// made again. Inputs are filled with standard normal values (seeded_normal.h).
//
// Threads: in nets of type "simple", which run one operator after the other, they are the
// math library's. In nets of other types they are Caffe2's workers, each running operators; then
// every operator uses one.
std::unique_ptr<Engine> MakeCaffe2Engine(int predict_fd, int init_fd, MarkerRingWriter ring,
                                         MathBackend math);

}  // namespace synergy
