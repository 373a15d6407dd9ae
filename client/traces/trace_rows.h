// The rows of samples.csv and markers.csv (docs/traces.md). Pure; errors say what is wrong with a
// row and know neither file nor line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/csv.h"
#include "common/marker_ring.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// rail,window_begin_ns,window_end_ns,power_w[,step_w][,freshness][,quantity,raw]
struct SampleRow {
  std::string_view rail;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  double power_w = 0;  // 0 of a raw row, whatever it says
  std::optional<double> step_w;
  std::optional<Freshness> freshness;
  // Of a raw row, which says what the sensor said: so many steps of this (current, voltage or
  // energy). Unspecified: it is no raw row.
  v1::ChannelInfo::Quantity quantity = v1::ChannelInfo::QUANTITY_UNSPECIFIED;
  int64_t raw = 0;
};

// op,type,iteration,begin_ns,end_ns[,index][,phase][,thread]. Rows whose type begins with '@' are
// no operators: what `special` says.
struct MarkerRow {
  enum class Special : uint8_t { kNone, kNet, kLoad, kInit, kPhase };
  std::string_view op;
  std::string_view type;
  Special special = Special::kNone;
  uint32_t iteration = 0;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  std::optional<uint32_t> index;
  uint8_t phase = 0;  // v1::Phase
  uint16_t thread = 0;
};

// Operators have indexes below this: their table fits into one chunk.
inline constexpr uint32_t kMostTraceOperators = 65'536;
// So many of them may have rows: least squares take time with the cube of their number.
inline constexpr size_t kMostExecutedOperators = 2'000;
// How a comment begins that says that no sensor measured this. Comments stand above the header and
// begin with '#'.
inline constexpr std::string_view kSimulatedComment = "# SIMULATED";
// What a row may have as its step, in watts.
constexpr bool IsTraceStep(double step_w) { return step_w >= 1e-9 && step_w <= 1e3; }
// Names are no longer, in bytes.
inline constexpr size_t kLongestTraceName = 256;

// InvalidArgument where it is longer, or no printable UTF-8. `what`: "op".
absl::Status CheckTraceName(std::string_view what, std::string_view name);
// An engine's word for a type as the rows have it: printable, "unknown" for none, without '@'.
std::string TraceTypeName(std::string_view type);

// Texts in a row are valid until the next one is parsed. InvalidArgument otherwise.
class SampleParser {
 public:
  static absl::StatusOr<SampleParser> ParseHeader(std::string_view line);
  absl::StatusOr<SampleRow> Parse(std::string_view line);

 private:
  explicit SampleParser(CsvTable table) : table_(std::move(table)) {}
  CsvTable table_;
};

class MarkerParser {
 public:
  static absl::StatusOr<MarkerParser> ParseHeader(std::string_view line);
  absl::StatusOr<MarkerRow> Parse(std::string_view line);
  bool has_threads() const;  // the file has their column
  bool has_indexes() const;

 private:
  explicit MarkerParser(CsvTable table) : table_(std::move(table)) {}
  CsvTable table_;
};

// Header and rows, with all columns, as the parsers read them.
std::string SampleHeaderLine();
std::string MarkerHeaderLine();
void AppendSampleLine(std::string_view rail, const Reading& window, double power_w,
                      std::optional<double> step_w, std::string* out);
// A raw row; `power_w` for other tools.
void AppendRawLine(std::string_view rail, const Reading& reading, std::optional<double> power_w,
                   v1::ChannelInfo::Quantity quantity, std::string* out);
// `marker.op` is an operator with this name and type, or special.
void AppendMarkerLine(std::string_view op, std::string_view type, const Marker& marker,
                      std::string* out);
// The span of a phase.
void AppendPhaseLine(uint8_t phase, int64_t begin_ns, int64_t end_ns, std::string* out);

}  // namespace synergy
