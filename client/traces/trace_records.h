// records.jsonl: what a run has besides readings and markers, as its device told it (RunRecord in
// protobuf's JSON, a line each), and where it dropped records. With it `import` makes the same run.
// docs/traces.md. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// One that has its place in time.
struct TimedRecord {
  int64_t at_ns = 0;  // never before that of the one before it
  v1::RunRecord record = {};
  uint64_t lost = 0;     // it is no record: so many of `channel` are missing from here on
  uint32_t channel = 0;  // of `lost`
};

struct TraceRecords {
  v1::RunHeader header;
  std::optional<v1::OperatorTable> operators;
  std::optional<v1::RunEnd> end;    // absent: the run is not whole
  std::vector<TimedRecord> others;  // in their order
};

void AppendRecordLine(const v1::RunRecord& record, std::string* out);
void AppendLostLine(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out);

// InvalidArgument with file and line.
absl::StatusOr<TraceRecords> ParseTraceRecords(std::string_view text, const std::string& file);

}  // namespace synergy
