#include "client/traces/trace_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "common/csv.h"
#include "common/printable.h"
#include "synergy/v1/job.pb.h"

namespace synergy {
namespace {

// The latest stamp that a run can have (common/attribution/run_checks.cc).
constexpr int64_t kLatestNs = int64_t{1} << 62;
// No machine that one measures operators of draws more.
constexpr double kMostWatts = 1e6;
// No register has more bits, and doubles are exact up to it.
constexpr int64_t kMostRaw = int64_t{1} << 53;

enum SampleColumn : size_t {
  kRail,
  kWindowBegin,
  kWindowEnd,
  kPower,
  kStep,
  kFreshness,
  kQuantity,
  kRaw
};
constexpr std::array<CsvColumn, 8> kSampleColumns = {{{"rail"},
                                                      {"window_begin_ns"},
                                                      {"window_end_ns"},
                                                      {"power_w"},
                                                      {"step_w", false},
                                                      {"freshness", false},
                                                      {"quantity", false},
                                                      {"raw", false}}};

enum MarkerColumn : size_t { kOp, kType, kIteration, kBegin, kEnd, kIndex, kPhase, kThread };
constexpr std::array<CsvColumn, 8> kMarkerColumns = {{{"op"},
                                                      {"type"},
                                                      {"iteration"},
                                                      {"begin_ns"},
                                                      {"end_ns"},
                                                      {"index", false},
                                                      {"phase", false},
                                                      {"thread", false}}};

constexpr std::array<std::string_view, 3> kFreshnessNames = {"unknown", "fresh", "repeat"};
constexpr std::array<std::pair<std::string_view, v1::ChannelInfo::Quantity>, 3> kQuantityNames = {
    {{"current", v1::ChannelInfo::QUANTITY_CURRENT},
     {"voltage", v1::ChannelInfo::QUANTITY_VOLTAGE},
     {"energy", v1::ChannelInfo::QUANTITY_ENERGY_COUNTER}}};
constexpr std::array<std::pair<std::string_view, v1::Phase>, 6> kPhaseNames = {
    {{"measure", v1::PHASE_MEASURE},
     {"warmup", v1::PHASE_WARMUP},
     {"setup", v1::PHASE_SETUP},
     {"idle", v1::PHASE_IDLE},
     {"loop", v1::PHASE_LOOP},
     {"deciding", v1::PHASE_DECIDING}}};
constexpr std::array<std::pair<std::string_view, MarkerRow::Special>, 4> kSpecialTypes = {
    {{"@net", MarkerRow::Special::kNet},
     {"@load", MarkerRow::Special::kLoad},
     {"@init", MarkerRow::Special::kInit},
     {"@phase", MarkerRow::Special::kPhase}}};

absl::Status Wrong(std::string what) { return absl::InvalidArgumentError(std::move(what)); }

absl::Status ReadSpan(std::string_view begin, std::string_view end, const char* begin_name,
                      const char* end_name, int64_t* begin_ns, int64_t* end_ns) {
  const absl::StatusOr<int64_t> first = ParseInteger(begin, begin_name, 0, kLatestNs);
  if (!first.ok()) return first.status();
  const absl::StatusOr<int64_t> last = ParseInteger(end, end_name, 0, kLatestNs);
  if (!last.ok()) return last.status();
  if (*last < *first) {
    return Wrong(fmt::format("{} ({}) is before {} ({})", end_name, *last, begin_name, *first));
  }
  *begin_ns = *first;
  *end_ns = *last;
  return absl::OkStatus();
}

absl::StatusOr<v1::Phase> PhaseOf(std::string_view name) {
  for (const auto& [text, phase] : kPhaseNames) {
    if (text == name) return phase;
  }
  return Wrong(
      fmt::format("'{}' is no phase: measure, warmup, setup, idle, loop or deciding", name));
}

std::string_view NameOf(uint8_t phase) {
  for (const auto& [text, of] : kPhaseNames) {
    if (of == phase) return text;
  }
  return "idle";
}

absl::Status ReadSpecial(MarkerRow* row) {
  for (const auto& [text, special] : kSpecialTypes) {
    if (text == row->type) row->special = special;
  }
  if (row->special != MarkerRow::Special::kNone) return absl::OkStatus();
  return Wrong(fmt::format("'{}' is no type: those with a '@' are @net, @load, @init and @phase",
                           row->type));
}

v1::Phase DefaultPhase(MarkerRow::Special special) {
  return special == MarkerRow::Special::kLoad || special == MarkerRow::Special::kInit
             ? v1::PHASE_SETUP
             : v1::PHASE_MEASURE;
}

// The columns that a file may leave out, and a row may leave empty.
absl::Status ReadOptional(const CsvTable& table, MarkerRow* row) {
  if (const std::string_view text = table[kIndex]; !text.empty()) {
    const auto index = ParseInteger(text, "index", 0, kMostTraceOperators - 1);
    if (!index.ok()) return index.status();
    if (row->special == MarkerRow::Special::kNone) row->index = static_cast<uint32_t>(*index);
  }
  if (const std::string_view text = table[kThread]; !text.empty()) {
    const auto thread = ParseInteger(text, "thread", 0, UINT16_MAX);
    if (!thread.ok()) return thread.status();
    row->thread = static_cast<uint16_t>(*thread);
  }
  const bool is_phase = row->special == MarkerRow::Special::kPhase;
  const std::string_view text = is_phase ? row->op : table[kPhase];
  absl::StatusOr<v1::Phase> phase = DefaultPhase(row->special);
  if (!text.empty()) phase = PhaseOf(text);
  if (!phase.ok()) return phase.status();
  row->phase = static_cast<uint8_t>(*phase);
  return absl::OkStatus();
}

// What the sensor said, in place of a power.
absl::Status ReadRaw(const CsvTable& table, SampleRow* row) {
  for (const auto& [text, quantity] : kQuantityNames) {
    if (text == table[kQuantity]) row->quantity = quantity;
  }
  if (row->quantity == v1::ChannelInfo::QUANTITY_UNSPECIFIED) {
    return Wrong(
        fmt::format("'{}' is no quantity: current, voltage, energy, or nothing where "
                    "power_w is meant",
                    table[kQuantity]));
  }
  if (!table[kStep].empty()) {
    return Wrong(
        "step_w is of a power; the sensor file says how large the steps of a current, a "
        "voltage or an energy are");
  }
  const absl::StatusOr<int64_t> raw = ParseInteger(table[kRaw], "raw", -kMostRaw, kMostRaw);
  if (!raw.ok()) return raw.status();
  row->raw = *raw;
  return absl::OkStatus();
}

absl::Status ReadPower(const CsvTable& table, SampleRow* row) {
  if (!table[kRaw].empty()) {
    return Wrong("raw needs a quantity: current, voltage or energy");
  }
  const absl::StatusOr<double> power_w = ParseDecimal(table[kPower], "power_w");
  if (!power_w.ok()) return power_w.status();
  if (!(*power_w >= -kMostWatts && *power_w <= kMostWatts)) {
    return Wrong(fmt::format("power_w is {}; at most {} W are read", table[kPower], kMostWatts));
  }
  row->power_w = *power_w;
  if (table[kStep].empty()) return absl::OkStatus();
  const absl::StatusOr<double> step_w = ParseDecimal(table[kStep], "step_w");
  if (!step_w.ok()) return step_w.status();
  if (!IsTraceStep(*step_w)) {
    return Wrong(fmt::format("step_w is {}; allowed is 1e-9 to 1000, or nothing", table[kStep]));
  }
  row->step_w = *step_w;
  return absl::OkStatus();
}

template <typename Columns>
std::string HeaderLine(const Columns& columns) {
  std::string line;
  for (const CsvColumn& column : columns) {
    line += fmt::format("{}{}", line.empty() ? "" : ",", column.name);
  }
  return line + "\n";
}

}  // namespace

absl::Status CheckTraceName(std::string_view what, std::string_view name) {
  if (name.size() > kLongestTraceName) {
    return Wrong(
        fmt::format("{} has {} bytes; at most {} are read", what, name.size(), kLongestTraceName));
  }
  const std::string printable = Printable(name, kLongestTraceName);
  if (printable == name) return absl::OkStatus();
  return Wrong(fmt::format("{} is '{}', with bytes that are no printable UTF-8", what, printable));
}

std::string TraceTypeName(std::string_view type) {
  const std::string name = Printable(type, kLongestTraceName / 2);
  if (name.empty()) return "unknown";
  return kFormulaSigns.find(name.front()) == kFormulaSigns.npos ? name : "_" + name;
}

absl::StatusOr<SampleParser> SampleParser::ParseHeader(std::string_view line) {
  absl::StatusOr<CsvTable> table = CsvTable::ParseHeader(line, kSampleColumns);
  if (!table.ok()) return table.status();
  return SampleParser(*std::move(table));
}

absl::StatusOr<SampleRow> SampleParser::Parse(std::string_view line) {
  if (absl::Status status = table_.ParseRow(line); !status.ok()) return status;
  SampleRow row;
  row.rail = table_[kRail];
  if (row.rail.empty()) return Wrong("rail is empty");
  absl::Status span = ReadSpan(table_[kWindowBegin], table_[kWindowEnd], "window_begin_ns",
                               "window_end_ns", &row.begin_ns, &row.end_ns);
  if (!span.ok()) return span;
  const absl::Status value =
      table_[kQuantity].empty() ? ReadPower(table_, &row) : ReadRaw(table_, &row);
  if (!value.ok()) return value;
  for (size_t i = 0; i < kFreshnessNames.size(); ++i) {
    if (table_[kFreshness] == kFreshnessNames[i]) row.freshness = static_cast<Freshness>(i);
  }
  if (!row.freshness && !table_[kFreshness].empty()) {
    return Wrong(fmt::format("'{}' is no freshness: fresh, repeat or unknown", table_[kFreshness]));
  }
  return row;
}

absl::StatusOr<MarkerParser> MarkerParser::ParseHeader(std::string_view line) {
  absl::StatusOr<CsvTable> table = CsvTable::ParseHeader(line, kMarkerColumns);
  if (!table.ok()) return table.status();
  return MarkerParser(*std::move(table));
}

absl::StatusOr<MarkerRow> MarkerParser::Parse(std::string_view line) {
  if (absl::Status status = table_.ParseRow(line); !status.ok()) return status;
  MarkerRow row;
  row.op = table_[kOp];
  row.type = table_[kType];
  if (row.op.empty()) return Wrong("op is empty: operators are told apart by their names");
  if (row.type.starts_with('@')) {
    if (absl::Status status = ReadSpecial(&row); !status.ok()) return status;
  }
  absl::Status span =
      ReadSpan(table_[kBegin], table_[kEnd], "begin_ns", "end_ns", &row.begin_ns, &row.end_ns);
  if (!span.ok()) return span;
  const absl::StatusOr<int64_t> iteration =
      ParseInteger(table_[kIteration], "iteration", 0, UINT32_MAX);
  if (!iteration.ok()) return iteration.status();
  row.iteration = static_cast<uint32_t>(*iteration);
  if (absl::Status status = ReadOptional(table_, &row); !status.ok()) return status;
  return row;
}

bool MarkerParser::has_threads() const { return table_.Has(kThread); }
bool MarkerParser::has_indexes() const { return table_.Has(kIndex); }

std::string SampleHeaderLine() { return HeaderLine(kSampleColumns); }
std::string MarkerHeaderLine() { return HeaderLine(kMarkerColumns); }

void AppendSampleLine(std::string_view rail, const Reading& window, double power_w,
                      std::optional<double> step_w, std::string* out) {
  auto to = std::back_inserter(*out);
  fmt::format_to(to, "{},{},{},{},", QuotedField(rail), window.begin_ns, window.end_ns, power_w);
  if (step_w) fmt::format_to(to, "{}", *step_w);
  fmt::format_to(to, ",{},,\n", kFreshnessNames[static_cast<size_t>(window.freshness)]);
}

void AppendRawLine(std::string_view rail, const Reading& reading, std::optional<double> power_w,
                   v1::ChannelInfo::Quantity quantity, std::string* out) {
  auto to = std::back_inserter(*out);
  fmt::format_to(to, "{},{},{},", QuotedField(rail), reading.begin_ns, reading.end_ns);
  if (power_w) fmt::format_to(to, "{}", *power_w);
  const auto name =
      std::ranges::find(kQuantityNames, quantity, [](const auto& e) { return e.second; });
  fmt::format_to(to, ",,{},{},{}\n", kFreshnessNames[static_cast<size_t>(reading.freshness)],
                 name->first, reading.raw);
}

void AppendMarkerLine(std::string_view op, std::string_view type, const Marker& marker,
                      std::string* out) {
  auto to = std::back_inserter(*out);
  fmt::format_to(to, "{},{},{},{},{},", QuotedField(op), QuotedField(type), marker.iteration,
                 marker.begin_ns, marker.end_ns);
  if (marker.op < kMostTraceOperators) fmt::format_to(to, "{}", marker.op);
  fmt::format_to(to, ",{},{}\n", NameOf(marker.phase), marker.thread);
}

void AppendPhaseLine(uint8_t phase, int64_t begin_ns, int64_t end_ns, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{},@phase,0,{},{},,,\n", NameOf(phase), begin_ns,
                 end_ns);
}

}  // namespace synergy
