// Whether a job can be taken at all. Clients check with it before they send anything, daemons
// because clients may be any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// What an engine of an installation is and can do.
struct InstalledEngine {
  std::string name;
  std::string version = {};   // its own words, printable
  uint32_t max_threads = 0;   // that a job may ask for; 0: it does not say
  std::string unusable = {};  // why no job can use it; "": jobs can
};

// What a board can run.
struct SpecLimits {
  std::vector<InstalledEngine> engines;  // found in the libexec folder
  std::string libexec_dir;               // for the text about an unknown engine
  uint32_t cpus = 1;                     // that a job may use
  bool can_measure = false;              // the board has a power source
  std::string cannot_measure;            // why not, where it has none
  bool can_set_clocks = false;           // jobs may ask for clocks
  bool has_thermal_zones = false;        // jobs may wait until it is cool
  bool knows_events = false;             // jobs may have events counted
};

inline constexpr uint32_t kMaxIterations = 10'000'000;
inline constexpr double kMinRateHz = 1;
inline constexpr double kMaxRateHz = 1000;  // the fastest that the samplers are proven at
inline constexpr double kDefaultTimeLimitS = 3600;
inline constexpr double kDefaultCoolTimeoutS = 600;
inline constexpr double kMaxTimeLimitS = 7 * 24 * 3600.0;
inline constexpr int32_t kMaxPriority = 10;  // and -10
inline constexpr uint32_t kMaxBatch = 65'536;
inline constexpr int kMaxInputs = 64;
inline constexpr int kMaxInputDims = 8;
inline constexpr int64_t kMaxInputElements = int64_t{1} << 29;  // 2 GiB of floats

// InvalidArgument where the hash has not 32 bytes or the size is 0 or absurd.
absl::Status ValidateObjectUntrusted(const v1::ObjectRef& object);

// InvalidArgument where it is more than 64 letters, digits and '-'; "" is fine.
absl::Status ValidateTokenUntrusted(std::string_view token);

// InvalidArgument with the field, what is wrong with it and what is allowed; FailedPrecondition
// where the board cannot measure or the engine cannot be used.
absl::Status ValidateSpecUntrusted(const v1::JobSpec& spec, const SpecLimits& limits);

}  // namespace synergy
