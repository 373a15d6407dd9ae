#include "client/traces/meter_trace.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "client/traces/text_block.h"
#include "common/csv.h"
#include "common/records/chunk.h"
#include "common/records/readings.h"

namespace synergy {
namespace {

enum Column : size_t { kRail, kStamp, kAt, kPower };
constexpr std::array<CsvColumn, 4> kColumns = {
    {{"rail"}, {"stamp_ns"}, {"at_ns", /*required=*/false}, {"power_w"}}};
// Meters measure more on no wire.
constexpr double kMostWatts = 1e6;
constexpr size_t kChunkReadings = 65'536;

struct MeterRow {
  size_t rail = 0;
  Reading reading;
};

absl::StatusOr<MeterRow> ParseRow(const v1::MeterRecord& record, const CsvTable& table) {
  const auto rail = std::ranges::find(record.rails(), table[kRail], &v1::MeterRecord::Rail::name);
  if (rail == record.rails().end()) {
    return absl::InvalidArgumentError(
        fmt::format("the meter has no rail '{}'", std::string(table[kRail])));
  }
  const auto stamp = ParseInteger(table[kStamp], "stamp_ns", 0, INT64_MAX);
  if (!stamp.ok()) return stamp.status();
  const auto watts = ParseDecimal(table[kPower], "power_w");
  if (!watts.ok()) return watts.status();
  if (!(std::abs(*watts) <= kMostWatts)) {
    return absl::InvalidArgumentError(fmt::format("power_w is {}", *watts));
  }
  return MeterRow{.rail = static_cast<size_t>(rail - record.rails().begin()),
                  .reading = {.begin_ns = *stamp,
                              .end_ns = *stamp,
                              .raw = std::llround(*watts / kMeterWattsPerStep),
                              .freshness = Freshness::kUnknown}};
}

absl::StatusOr<v1::MeterRecord> ParseRecord(const std::string& text, const std::string& file) {
  v1::MeterRecord record;
  const auto parsed = google::protobuf::util::JsonStringToMessage(text, &record);
  if (parsed.ok()) return record;
  return absl::InvalidArgumentError(
      fmt::format("{}: no record of a meter: {}", file, parsed.ToString()));
}

// The readings of one rail, in chunks.
void AddChunks(uint32_t channel, const std::vector<Reading>& readings,
               std::vector<v1::Chunk>* chunks) {
  for (size_t first = 0; first < readings.size(); first += kChunkReadings) {
    const size_t count = std::min(kChunkReadings, readings.size() - first);
    const auto begin = readings.begin() + static_cast<ptrdiff_t>(first);
    chunks->push_back(MakeChunk(0, channel, first, static_cast<uint32_t>(count),
                                v1::ENCODING_READINGS,
                                EncodeReadings({begin, begin + static_cast<ptrdiff_t>(count)})));
  }
}

}  // namespace

MeterRows::MeterRows(const v1::MeterRecord& record, std::span<const MeterRail> rails)
    : rails_(rails) {
  for (const v1::MeterRecord::Segment& one : record.segments()) {
    segments_.push_back({one.stamp_ns(), one.device_ns(), one.drift()});
  }
}

std::string MeterRows::HeaderLine() { return "rail,stamp_ns,at_ns,power_w\n"; }

void MeterRows::Append(size_t rows, std::string* out) {
  for (; rail_ < rails_.size(); ++rail_, reading_ = 0) {
    const MeterRail& rail = rails_[rail_];
    const std::string name = QuotedField(rail.name);
    for (; reading_ < rail.readings.size(); ++reading_) {
      if (rows-- == 0) return;
      const PowerSample& reading = rail.readings[reading_];
      const auto jumps = static_cast<size_t>(std::ranges::upper_bound(rail.after_jump, reading_) -
                                             rail.after_jump.begin());
      const std::string at = jumps < segments_.size()
                                 ? fmt::format("{}", segments_[jumps].DeviceTime(reading.at_ns))
                                 : "";
      fmt::format_to(std::back_inserter(*out), "{},{},{},{:.6f}\n", name, reading.at_ns, at,
                     reading.power_w);
    }
  }
}

std::string MeterRecordText(const v1::MeterRecord& record) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string text;
  // It fails for no message but those with fields of the type Any.
  if (!google::protobuf::util::MessageToJsonString(record, &text, options).ok()) return "";
  return text;
}

absl::StatusOr<MeterTrace> ParseMeterTrace(std::string_view rows, const std::string& rows_file,
                                           const std::string& record,
                                           const std::string& record_file) {
  absl::StatusOr<v1::MeterRecord> parsed = ParseRecord(record, record_file);
  if (!parsed.ok()) return parsed.status();
  std::vector<std::vector<Reading>> rails(static_cast<size_t>(parsed->rails_size()));
  std::optional<CsvTable> table;
  uint64_t lines = 0;
  const absl::Status read =
      ForEachLine(rows, 1, &lines, [&](std::string_view line, uint64_t number) -> absl::Status {
        if (!table) {
          if (line.starts_with('#')) return absl::OkStatus();
          absl::StatusOr<CsvTable> header = CsvTable::ParseHeader(line, kColumns);
          if (!header.ok()) return AtLine(rows_file, number, header.status());
          table = *std::move(header);
          return absl::OkStatus();
        }
        if (absl::Status row = table->ParseRow(line); !row.ok()) {
          return AtLine(rows_file, number, row);
        }
        const absl::StatusOr<MeterRow> row = ParseRow(*parsed, *table);
        if (!row.ok()) return AtLine(rows_file, number, row.status());
        rails[row->rail].push_back(row->reading);
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  MeterTrace trace{.record = *std::move(parsed), .chunks = {}};
  for (size_t i = 0; i < rails.size(); ++i) {
    if (rails[i].size() != trace.record.rails(static_cast<int>(i)).readings()) {
      return absl::InvalidArgumentError(
          fmt::format("{}: it has {} readings of the rail '{}', where {} were taken", rows_file,
                      rails[i].size(), trace.record.rails(static_cast<int>(i)).name(),
                      trace.record.rails(static_cast<int>(i)).readings()));
    }
    AddChunks(kFirstSensorChannel + static_cast<uint32_t>(i), rails[i], &trace.chunks);
  }
  return trace;
}

}  // namespace synergy
