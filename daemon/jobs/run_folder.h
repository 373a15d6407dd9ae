// The files of one run on the device: STATE/runs/<run_id>/.
#pragma once

#include <string>

namespace synergy {

struct RunFolder {
  std::string path;

  std::string Job() const { return path + "/job.pb"; }                 // StoredJob
  std::string PredictNet() const { return path + "/predict_net.pb"; }  // as it was submitted
  std::string InitNet() const { return path + "/init_net.pb"; }        // empty: there is none
  std::string Spool() const { return path + "/records.spool"; }        // daemon/sampling/spool.h
  std::string Truth() const { return path + "/truth.pb"; }        // RunTruth, simulated boards only
  std::string WorkerLog() const { return path + "/worker.log"; }  // what the engine printed
  // Space kept back while the job runs, so that its end can be written to a full disk.
  std::string Reserve() const { return path + "/reserve"; }
};

}  // namespace synergy
