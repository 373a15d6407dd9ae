// The fixture of tests that run jobs to their end on a MeasuringDevice.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "common/files.h"
#include "gtest/gtest.h"
#include "tests/daemon/jobs/measuring_device.h"

namespace synergy {

class JobRunnerTest : public testing::Test {
 protected:
  void Start() { device_.Start(); }

  static std::vector<std::string> Codes(const RunData& data) {
    std::vector<std::string> codes;
    for (const v1::Notice& notice : data.notices()) codes.push_back(notice.code());
    return codes;
  }
  static size_t Executions(const RunData& data, v1::Phase phase) {
    return static_cast<size_t>(
        std::count_if(data.markers().begin(), data.markers().end(), [&](const Marker& m) {
          return m.op < data.operators().size() && m.phase == static_cast<uint32_t>(phase);
        }));
  }
  std::string Outputs(const std::string& run_id) {
    return RunFolder{folder_.path() + "/runs/" + run_id}.Outputs();
  }
  std::string WorkerLog(const std::string& run_id) {
    return ReadFile(folder_.path() + "/runs/" + run_id + "/worker.log", 1 << 20).value();
  }

  TempFolder folder_;
  MeasuringDevice device_{folder_.path()};
};

}  // namespace synergy
