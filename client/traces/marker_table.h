// markers.csv as a whole: its operators and iterations, found in a first pass over its text, and
// its rows as markers, in a second one. Pure: the text comes in blocks of whole lines, the same
// both times. Errors are InvalidArgument and begin with "FILE:LINE: ".
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/traces/text_block.h"
#include "client/traces/trace_rows.h"
#include "common/marker_ring.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

struct IterationFacts {
  uint8_t phase = 0;
  uint32_t iteration = 0;
  bool has_net = false;    // a row of its own says when it began and ended
  bool needs_net = false;  // none does in the whole file: its operators say it
  uint64_t rows = 0;       // of operators
  int64_t begin_ns = INT64_MAX;
  int64_t end_ns = INT64_MIN;
  uint64_t line = 0;  // of its first row
};

struct TraceMarker {
  Marker marker = {};
  uint64_t line = 0;
  int64_t At() const { return marker.end_ns; }  // engines tell of an operator when it has ended
};

class MarkerTable {
 public:
  explicit MarkerTable(std::string name);  // the file's

  absl::Status Scan(std::string_view text);
  absl::Status FinishScan();
  // By index: as the file says, else by their first begin. Places that no row has are "unknown".
  const v1::OperatorTable& operators() const { return operators_; }
  // In order of time.
  const std::vector<IterationFacts>& iterations() const { return iterations_; }
  uint64_t IterationsIn(v1::Phase phase) const;
  // As the file's @phase rows say, in order of time; none: it has none.
  const std::vector<v1::PhaseChange>& phases() const { return phases_; }
  // The first row of a phase; absent: there is none.
  std::optional<int64_t> BeginOf(v1::Phase phase) const;
  // Of all rows that are no phases, which `phases_end_ns` is of.
  int64_t begin_ns() const { return begin_ns_; }
  int64_t end_ns() const { return end_ns_; }
  std::optional<int64_t> phases_end_ns() const { return phases_end_ns_; }
  uint32_t threads() const { return threads_; }
  bool has_threads() const { return parser_ && parser_->has_threads(); }
  bool has_indexes() const { return parser_ && parser_->has_indexes(); }
  uint64_t markers() const { return markers_; }  // with those of whole iterations
  const std::vector<TextBlock>& blocks() const { return blocks_; }
  const std::string& name() const { return name_; }
  // Whether any operator takes time.
  bool has_durations() const { return has_durations_; }
  // A comment above the header says so.
  bool simulated() const { return simulated_; }

  // The markers of a block, in the file's order; after FinishScan. Those of iterations without a
  // row of their own are not among them.
  absl::StatusOr<std::vector<TraceMarker>> Read(size_t block, std::string_view text);

 private:
  struct OperatorFacts {
    std::string name;
    std::string type;
    std::optional<uint32_t> given;  // index
    uint32_t index = 0;             // after FinishScan
    int64_t begin_ns = INT64_MAX;   // of its first execution
    uint64_t line = 0;              // of its first row
  };

  absl::Status Note(const MarkerRow& row, uint64_t line);
  absl::Status NoteOperator(const MarkerRow& row, uint64_t line);
  absl::Status NotePhase(const MarkerRow& row, uint64_t line);
  absl::Status NoteIteration(const MarkerRow& row, uint64_t line);
  std::optional<uint32_t> FindOperator(std::string_view name) const;
  absl::Status CheckIterations();
  absl::Status NumberOperators();
  void SortPhases();

  const std::string name_;
  std::optional<MarkerParser> parser_;
  std::vector<TextBlock> blocks_;
  uint64_t lines_ = 0;
  uint64_t header_line_ = 0;
  bool simulated_ = false;
  bool has_durations_ = false;
  std::deque<OperatorFacts> ops_;                             // whose addresses stay
  std::unordered_map<std::string_view, uint32_t> op_places_;  // names of ops_
  std::unordered_map<uint64_t, uint32_t> iteration_places_;   // by phase and number; while scanned
  std::vector<IterationFacts> iterations_;
  std::vector<v1::PhaseChange> phases_;
  std::vector<std::optional<int64_t>> phase_begins_ = std::vector<std::optional<int64_t>>(8);
  std::optional<int64_t> phases_end_ns_;
  int64_t begin_ns_ = INT64_MAX;
  int64_t end_ns_ = INT64_MIN;
  uint32_t threads_ = 1;
  uint64_t markers_ = 0;
  uint32_t last_iteration_ = 0;  // in iterations_: of the row before
  v1::OperatorTable operators_;
};

}  // namespace synergy
