// The records of a run that is made of traces, put into order of time.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "client/traces/chunk_stream.h"
#include "client/traces/marker_lanes.h"
#include "client/traces/marker_table.h"
#include "client/traces/sample_table.h"
#include "client/traces/text_block.h"
#include "client/traces/trace_records.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Where a rail's readings go.
struct RailChannels {
  uint32_t main = 0;
  uint32_t voltage = 0;  // of kCurrent and kRaw, beside a current
};

// For one call of Write.
class TraceCourse {
 public:
  // `channels`: by rail. `has_nets`: where markers have no row for an iteration there was none. All
  // outlive it.
  TraceCourse(SampleTable& samples, MarkerTable& markers, const std::vector<TimedRecord>& records,
              const std::vector<RailChannels>& channels, bool has_nets, ChunkStream& stream)
      : samples_(samples),
        markers_(markers),
        records_(records),
        channels_(channels),
        has_nets_(has_nets),
        stream_(stream),
        before_(samples.rails().size(), Reading{.begin_ns = -1, .end_ns = -1}) {}

  // Errors as TraceRun::Write has them.
  absl::Status Write(const BlockText& sample_text, const BlockText& marker_text);

 private:
  absl::Status AddRecords(int64_t until_ns);
  // Of the iterations that have ended before: they follow each other.
  absl::Status AddNets(int64_t before_ns);
  std::string NameOf(uint32_t op) const;
  // Rows that end at the same time come one after the other.
  absl::Status CheckNew(const TraceMarker& row);
  absl::Status AddMarker(const TraceMarker& row);
  absl::Status AddReading(const SampleReading& one);

  SampleTable& samples_;
  MarkerTable& markers_;
  const std::vector<TimedRecord>& records_;
  const std::vector<RailChannels>& channels_;
  const bool has_nets_;
  ChunkStream& stream_;
  std::vector<Reading> before_;  // by rail
  MarkerLanes lanes_;            // of a file that does not say the threads
  int64_t same_end_ns_ = -1;     // of the markers in same_end_
  std::set<std::tuple<uint32_t, uint32_t, uint8_t, uint16_t, int64_t>> same_end_;
  size_t record_ = 0;  // the next to come
  size_t net_ = 0;     // the next iteration to come
};

}  // namespace synergy
