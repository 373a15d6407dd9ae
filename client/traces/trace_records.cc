#include "client/traces/trace_records.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/traces/text_block.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

// A record is one of a chunk, with its length before it.
constexpr size_t kMostRecordBytes = kMaxChunkDataBytes - 64;
constexpr uint64_t kMostLost = uint64_t{1} << 40;

// Of records that do not say when they were made: that of the record before.
int64_t TimeOf(const v1::RunRecord& record, int64_t before_ns) {
  if (record.has_phase()) return record.phase().at_ns();
  if (record.has_gap()) return record.gap().end_ns();
  if (record.has_notice()) return record.notice().at_ns();
  if (record.has_conditions()) return record.conditions().at_ns();
  if (record.has_clock_change()) return record.clock_change().at_ns();
  if (record.has_chirp() && !record.chirp().edge_ns().empty()) {
    return *record.chirp().edge_ns().rbegin();
  }
  return before_ns;
}

// Absent: the line is none of these.
std::optional<TimedRecord> ParseLost(const std::string& line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 1 || !json.contains("lost")) return std::nullopt;
  const nlohmann::json& lost = json["lost"];
  for (const char* key : {"channel", "count", "at_ns"}) {
    if (!lost.is_object() || !lost.contains(key) || !lost[key].is_number_unsigned()) {
      return std::nullopt;
    }
  }
  const uint64_t count = lost["count"];
  return TimedRecord{.at_ns = lost["at_ns"],
                     .record = {},
                     .lost = std::clamp<uint64_t>(count, 1, kMostLost),
                     .channel = lost["channel"]};
}

absl::Status Take(v1::RunRecord record, bool is_first, int64_t* at_ns, TraceRecords* records) {
  if (record.ByteSizeLong() > kMostRecordBytes) {
    return absl::InvalidArgumentError("the record is longer than one may be");
  }
  if (is_first != record.has_header()) {
    return absl::InvalidArgumentError("a run has one header, in its first record");
  }
  if (records->end) return absl::InvalidArgumentError("there are records behind the run's end");
  if (record.has_header()) {
    records->header = std::move(*record.mutable_header());
    *at_ns = records->header.begin_ns();
  } else if (record.has_operators()) {
    records->operators = std::move(*record.mutable_operators());
  } else if (record.has_end()) {
    records->end = std::move(*record.mutable_end());
  } else {
    *at_ns = std::max(*at_ns, TimeOf(record, *at_ns));
    records->others.push_back({.at_ns = *at_ns, .record = std::move(record)});
  }
  return absl::OkStatus();
}

}  // namespace

void AppendRecordLine(const v1::RunRecord& record, std::string* out) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  // It fails for no message but those with fields of the type Any.
  if (!google::protobuf::util::MessageToJsonString(record, &line, options).ok()) return;
  *out += line + "\n";
}

void AppendLostLine(uint32_t channel, uint64_t count, int64_t at_ns, std::string* out) {
  *out += fmt::format("{{\"lost\":{{\"channel\":{},\"count\":{},\"at_ns\":{}}}}}\n", channel, count,
                      at_ns);
}

absl::StatusOr<TraceRecords> ParseTraceRecords(std::string_view text, const std::string& file) {
  TraceRecords records;
  int64_t at_ns = 0;
  uint64_t lines = 0;
  bool has_header = false;
  const absl::Status read =
      ForEachLine(text, 1, &lines, [&](std::string_view view, uint64_t number) {
        const std::string line(view);
        if (std::optional<TimedRecord> lost = ParseLost(line); lost && has_header) {
          at_ns = lost->at_ns = std::max(at_ns, lost->at_ns);
          records.others.push_back(*std::move(lost));
          return absl::OkStatus();
        }
        v1::RunRecord record;
        const auto parsed = google::protobuf::util::JsonStringToMessage(line, &record);
        if (!parsed.ok()) {
          return AtLine(file, number, fmt::format("no record: {}", parsed.ToString()));
        }
        const absl::Status taken = Take(std::move(record), !has_header, &at_ns, &records);
        has_header = true;
        return taken.ok() ? taken : AtLine(file, number, taken);
      });
  if (!read.ok()) return read;
  if (!has_header) return AtLine(file, 1, "there is no record: the file is empty");
  return records;
}

}  // namespace synergy
