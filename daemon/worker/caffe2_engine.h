// The engine that runs Caffe2. The only Caffe2 process-wide state that it needs is set up by
// caffe2::GlobalInit, which main calls.
#pragma once

#include <memory>

#include "common/marker_ring.h"
#include "common/marker_ring_writer.h"
#include "daemon/worker/caffe2_model.h"
#include "daemon/worker/engine.h"
#include "daemon/worker/math_backend.h"

namespace synergy {

// Reads the nets and tensors from `files` and writes markers into `ring`.
//
// Load: reads both nets and maps the weights (kOpLoad), runs the init net (kOpInit), fills the
// inputs and creates the predict net (kOpLoad, iteration 1), all in phase SETUP. Weights that the
// init net makes are never made again. Inputs are filled as tensor_blobs.h says.
//
// Weights of the pack become blobs without a copy: the file's pages, all of them fetched during
// Load. An operator that writes to one writes to a copy of its pages and never to the file.
//
// WriteOutputs: where an operator writes to an input's blob, iterations after the first begin with
// what it left there (Loaded.notes: "inputs_overwritten"). Then the inputs are filled anew and the
// net runs once more, without markers.
//
// Threads: in nets of type "simple", which run one operator after the other, they are the
// math library's. In nets of other types they are Caffe2's workers, each running operators; then
// every operator uses one.
std::unique_ptr<Engine> MakeCaffe2Engine(const EngineFiles& files, MarkerRingWriter ring,
                                         MathBackend math);

}  // namespace synergy
