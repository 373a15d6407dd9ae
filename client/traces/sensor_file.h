// sensor.toml: what is known of the sensor that made a trace, and where the trace is from. The
// schema is in docs/traces.md; every field is one of v1::Window, v1::ChannelInfo, v1::RailInfo or
// of a run's header. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What the sensor itself says of a rail, where that is no power: of a current, a voltage or a
// counter of energy, in whole steps.
struct TraceChannel {
  v1::ChannelInfo::Quantity quantity = v1::ChannelInfo::QUANTITY_UNSPECIFIED;
  double step = 0;  // A, V or J
  v1::Window window;
  double gain_tolerance = 0;  // 0: not known
  double noise_steps = 0;     // 0: not known
};

// One rail's readings.
struct TraceSensor {
  v1::RailInfo rail;
  v1::Window window;                   // stamps_are_window where nothing else is said
  double gain_tolerance = 0;           // 0: not known
  double noise_steps = 0;              // 0: not known
  std::optional<double> step_w;        // of readings whose row does not say; absent: not rounded
  std::vector<TraceChannel> raw = {};  // of rails whose rows are raw; the above is not used then

  const TraceChannel* Raw(v1::ChannelInfo::Quantity quantity) const;  // null: there is none
};

// [run]: what the trace was recorded of. Nothing in it is needed.
struct TraceOrigin {
  std::string board = "import";
  std::string title = "imported traces";
  bool simulated = false;
  std::string net;
  std::string engine = "import";
  std::string engine_version;
  uint32_t batch = 1;
  uint32_t threads = 1;
  uint64_t seed = 0;
  int64_t started_unix_ns = 0;  // 0: not known
  v1::Verdict verdict = v1::VERDICT_VALID;
  std::vector<std::string> reasons;
};

struct SensorFile {
  TraceOrigin origin;
  TraceSensor defaults;  // of rails that are not among `rails`; its rail has no name
  std::vector<TraceSensor> rails;

  SensorFile() { defaults.window.set_stamps_are_window(true); }
  TraceSensor Of(std::string_view rail) const;
};

// InvalidArgument with the file's name, the line and the key. `name` is the file's.
absl::StatusOr<SensorFile> ParseSensorFile(std::string_view text, std::string_view name);

// What ParseSensorFile reads as the same, but for `defaults`: every rail says everything itself.
std::string SensorFileText(const SensorFile& file);

}  // namespace synergy
