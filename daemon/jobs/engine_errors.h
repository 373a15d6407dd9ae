// What is said of an engine that ended, failed or did not keep to the engine protocol: why the job
// failed, for people. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "synergy/v1/records.pb.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

// An engine whose connection broke.
struct EngineEnd {
  std::string_view engine;
  std::optional<int> wait_status;  // of waitpid; none: it lived on and was killed
  absl::Status connection;         // how it broke
  std::string where;               // as of WhereText
  std::string last_line;           // of its log; "": it printed nothing
  absl::Status markers;            // what was wrong with its last ones
};
// Internal.
absl::Status EngineGone(const EngineEnd& end);

// Internal.
absl::Status EngineSaidItFailed(std::string_view engine, const v1::WorkerEvent::Failed& failed,
                                const v1::OperatorTable& operators);

// DataLoss. `instead_of`: what the protocol has there.
absl::Status EngineOutOfTurn(std::string_view engine, const v1::WorkerEvent& event,
                             std::string_view instead_of);

}  // namespace synergy
