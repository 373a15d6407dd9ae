// Engines: executables named synergy-worker-<engine> in the libexec folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/spec_validation.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

inline constexpr std::string_view kWorkerPrefix = "synergy-worker-";
inline constexpr size_t kMaxEngineVersionBytes = 200;

// The names after the prefix, sorted; empty where the folder cannot be read.
std::vector<std::string> FindEngines(const std::string& libexec_dir);
std::string EnginePath(const std::string& libexec_dir, std::string_view engine);

// What clients are told of it on a board with so many CPUs.
v1::EngineInfo DescribeEngine(const InstalledEngine& engine, uint32_t cpus);

// FailedPrecondition where what greets us is another engine than `engine` or speaks another version
// of the protocol.
absl::Status CheckGreetingUntrusted(std::string_view engine, const v1::WorkerEvent::Hello& hello);

}  // namespace synergy
