// The files of one run on the device: STATE/runs/<run_id>/.
#pragma once

#include <string>

namespace synergy {

struct RunFolder {
  std::string path;

  std::string Job() const { return path + "/job.pb"; }                 // StoredJob
  std::string PredictNet() const { return path + "/predict_net.pb"; }  // as it was submitted
  std::string InitNet() const { return path + "/init_net.pb"; }        // empty: there is none
  // Tensor packs (common/tensor_pack.h); a missing file is a pack without tensors. The first two
  // are hard links into the object store (object_store.h), there until the job has ended.
  std::string Weights() const { return path + "/weights.pack"; }
  std::string InputValues() const { return path + "/input_values.pack"; }
  std::string Outputs() const { return path + "/outputs.pack"; }  // what the job left, if asked
  std::string Spool() const { return path + "/records.spool"; }   // daemon/sampling/spool.h
  std::string Truth() const { return path + "/truth.pb"; }        // RunTruth, simulated boards only
  std::string WorkerLog() const { return path + "/worker.log"; }  // what the engine printed
  // Space kept back while the job runs, so that its end can be written to a full disk.
  std::string Reserve() const { return path + "/reserve"; }
};

}  // namespace synergy
