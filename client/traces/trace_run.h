// A run as the store keeps it, made of traces that something else recorded. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/traces/chunk_stream.h"
#include "client/traces/marker_table.h"
#include "client/traces/sample_table.h"
#include "client/traces/sensor_file.h"
#include "client/traces/text_block.h"
#include "client/traces/trace_course.h"
#include "client/traces/trace_records.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What a run is called, which no trace says.
struct TraceIdentity {
  std::string run_id;
  std::string board_id;
  std::string net;                // "": as the sensor file says, else "imported"
  std::string importer;           // "synergyctl 0.1.0"
  int64_t wall_time_unix_ns = 0;  // where the sensor file says nothing
};

// As the sensor file says it; simulated also where one of the tables is.
TraceOrigin OriginOf(const SampleTable& samples, const MarkerTable& markers,
                     const SensorFile& sensors);

// The tables were scanned to their ends and outlive it.
class TraceRun {
 public:
  // InvalidArgument where samples and markers have no time in common.
  static absl::StatusOr<TraceRun> Make(SampleTable& samples, MarkerTable& markers,
                                       const SensorFile& sensors, const TraceIdentity& identity);

  const v1::RunHeader& header() const { return header_; }

  // What is known of the operators besides their markers, by the index that these have in their
  // file. InvalidArgument where they have none, or do not fit (MergedOperators). `file` is for the
  // errors.
  absl::Status SetOperators(const v1::OperatorTable& operators, const std::string& file);

  // The run as its device told it: but for the identity, and that it was imported, all of its
  // records are these then, and no phase, operator or end is made of the tables. After
  // SetOperators. InvalidArgument where the samples' rails are none of its channels. `file` is for
  // the errors.
  absl::Status SetRecords(TraceRecords records, const std::string& file);

  // Whether Write writes its end; else the records stop before it.
  bool is_whole() const { return is_whole_; }

  // All chunks of the run, in order of time. Errors: of the texts and of the sink; InvalidArgument
  // with file and line where a rail has a window, or an operator an execution, twice.
  absl::Status Write(const BlockText& samples, const BlockText& markers,
                     const ChunkStream::Sink& sink);

 private:
  TraceRun(SampleTable& samples, MarkerTable& markers) : samples_(samples), markers_(markers) {}
  void AddChannels();
  // From number `next` on; the number behind them.
  uint32_t AddRawChannels(const RailFacts& rail, uint32_t next);
  void AddPhases();
  v1::RunEnd End(const TraceOrigin& origin) const;

  SampleTable& samples_;
  MarkerTable& markers_;
  v1::RunHeader header_;
  std::vector<v1::PhaseChange> phases_;
  std::vector<RailChannels> channels_;  // by rail
  v1::RunEnd end_;
  v1::OperatorTable operators_;
  bool is_whole_ = true;
  std::optional<std::vector<TimedRecord>> records_;  // SetRecords'
};

}  // namespace synergy
