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
#include "synergy/v1/records.pb.h"

namespace synergy {

// For one call of Write.
class TraceCourse {
 public:
  // `channels`: by rail; of kCurrent the voltage's is the next. All outlive it.
  TraceCourse(SampleTable& samples, MarkerTable& markers,
              const std::vector<v1::PhaseChange>& phases, const std::vector<uint32_t>& channels,
              ChunkStream& stream)
      : samples_(samples),
        markers_(markers),
        phases_(phases),
        channels_(channels),
        stream_(stream),
        before_(samples.rails().size(), Reading{.begin_ns = -1, .end_ns = -1}) {}

  // Errors as TraceRun::Write has them.
  absl::Status Write(const BlockText& sample_text, const BlockText& marker_text);

 private:
  absl::Status AddPhases(int64_t until_ns);
  // Of the iterations that have ended before: they follow each other.
  absl::Status AddNets(int64_t before_ns);
  std::string NameOf(uint32_t op) const;
  // Rows that end at the same time come one after the other.
  absl::Status CheckNew(const TraceMarker& row);
  absl::Status AddMarker(const TraceMarker& row);
  absl::Status AddReading(const SampleReading& one);

  SampleTable& samples_;
  MarkerTable& markers_;
  const std::vector<v1::PhaseChange>& phases_;
  const std::vector<uint32_t>& channels_;
  ChunkStream& stream_;
  std::vector<Reading> before_;  // by rail
  MarkerLanes lanes_;            // of a file that does not say the threads
  int64_t same_end_ns_ = -1;     // of the markers in same_end_
  std::set<std::tuple<uint32_t, uint32_t, uint8_t, uint16_t, int64_t>> same_end_;
  size_t phase_ = 0;  // the next to come
  size_t net_ = 0;    // the next iteration to come
};

}  // namespace synergy
