// samples.csv as a whole: what it has, found in a first pass over its text, and its rows as
// readings, in a second one. Pure: the text comes in blocks of whole lines, the same both times.
// Errors are InvalidArgument and begin with "FILE:LINE: ".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/traces/decimal_step.h"
#include "client/traces/sensor_file.h"
#include "client/traces/text_block.h"
#include "client/traces/trace_rows.h"
#include "common/records/readings.h"

namespace synergy {

// How the watts of a rail become whole numbers.
enum class RawKind {
  kWatts,  // of no step that is known: steps of kWattsPerRaw
  kSteps,  // of the rail's one step
  // Of steps that differ, as where a current is measured in steps and a voltage now and then: a
  // current of 1 A a step, and a voltage of as many volts as a step has watts.
  kCurrent,
  kRaw,  // rows say what the sensor said: TraceSensor::raw
};
inline constexpr double kWattsPerRaw = 1e-12;
inline constexpr double kVoltsPerRaw = 1e-15;

struct RailFacts {
  TraceSensor sensor;
  RawKind kind = RawKind::kWatts;
  double step_w = 0;  // kSteps
  uint64_t readings = 0;
  uint64_t fresh = 0;  // as far as it is known
  bool fresh_known = true;
  int64_t begin_ns = INT64_MAX;  // of the first window
  int64_t end_ns = INT64_MIN;    // of the last one
  double windows_s = 0;          // of all together
  uint64_t first_line = 0;
  uint64_t with_step = 0;  // rows that say their step
  DecimalStep decimal;
  bool step_found = false;    // step_w is `decimal`'s: nobody said it
  uint64_t raw_voltages = 0;  // of kRaw; the other fields are of its current or its energy
};

struct SampleReading {
  Reading reading;
  int64_t volts = 0;  // kCurrent
  uint64_t line = 0;
  uint32_t rail = 0;        // in SampleTable::rails()
  bool is_voltage = false;  // of kRaw: a reading of the voltage
  int64_t At() const { return reading.begin_ns + (reading.end_ns - reading.begin_ns) / 2; }
};

// So that a name need not be copied to be looked for.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};

class SampleTable {
 public:
  // `name`: the file's. `sensors` outlives the table.
  SampleTable(std::string name, const SensorFile& sensors);

  absl::Status Scan(std::string_view text);
  absl::Status FinishScan();
  // By the sensor file's order, then the samples'.
  const std::vector<RailFacts>& rails() const { return rails_; }
  const std::vector<TextBlock>& blocks() const { return blocks_; }
  const std::string& name() const { return name_; }
  // A comment above the header says so.
  bool simulated() const { return simulated_; }
  // Of all rails.
  int64_t begin_ns() const;
  int64_t end_ns() const;

  // The rows of a block, in the file's order; after FinishScan.
  absl::StatusOr<std::vector<SampleReading>> Read(size_t block, std::string_view text);

 private:
  absl::Status Note(const SampleRow& row, uint64_t line, int64_t* earliest);
  RailFacts& RailOf(std::string_view name, uint64_t line);
  absl::Status NoteRaw(const SampleRow& row, uint64_t line, RailFacts* rail) const;
  absl::Status Decide(RailFacts* rail);
  void Sort();

  const std::string name_;
  const SensorFile& sensors_;
  std::optional<SampleParser> parser_;
  std::vector<TextBlock> blocks_;
  uint64_t lines_ = 0;
  uint64_t header_line_ = 0;
  bool simulated_ = false;
  std::vector<RailFacts> rails_;
  std::unordered_map<std::string, uint32_t, NameHash, std::equal_to<>> places_;
  uint32_t last_ = 0;  // the rail of the row before
};

}  // namespace synergy
