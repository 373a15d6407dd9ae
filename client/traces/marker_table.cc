#include "client/traces/marker_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/records/chunk.h"

namespace synergy {
namespace {

// A run has a handful.
constexpr size_t kMostPhases = 1000;
// The table is one record of one chunk.
constexpr size_t kMostTableBytes = kMaxChunkDataBytes - 64;

uint64_t KeyOf(uint8_t phase, uint32_t iteration) { return uint64_t{phase} << 32 | iteration; }

bool IsOperator(const MarkerRow& row) { return row.special == MarkerRow::Special::kNone; }

bool InIteration(const MarkerRow& row) {
  return (IsOperator(row) || row.special == MarkerRow::Special::kNet) &&
         (row.phase == v1::PHASE_MEASURE || row.phase == v1::PHASE_WARMUP);
}

uint32_t SpecialOp(MarkerRow::Special special) {
  if (special == MarkerRow::Special::kLoad) return kOpLoad;
  return special == MarkerRow::Special::kInit ? kOpInit : kOpNet;
}

std::string IterationName(const IterationFacts& one) {
  return fmt::format("{}iteration {}", one.phase == v1::PHASE_WARMUP ? "warm-up " : "",
                     one.iteration);
}

}  // namespace

MarkerTable::MarkerTable(std::string name) : name_(std::move(name)) {}

absl::Status MarkerTable::Scan(std::string_view text) {
  TextBlock block{.first_line = lines_ + 1};
  uint64_t lines = 0;
  const absl::Status scanned =
      ForEachLine(text, block.first_line, &lines, [&](std::string_view line, uint64_t number) {
        if (!parser_) {
          if (line.starts_with('#')) {
            simulated_ = simulated_ || line.starts_with(kSimulatedComment);
            return absl::OkStatus();
          }
          header_line_ = number;
          absl::StatusOr<MarkerParser> parser = MarkerParser::ParseHeader(line);
          if (!parser.ok()) return AtLine(name_, number, parser.status());
          parser_ = *std::move(parser);
          return absl::OkStatus();
        }
        const absl::StatusOr<MarkerRow> row = parser_->Parse(line);
        if (!row.ok()) return AtLine(name_, number, row.status());
        if (row->special != MarkerRow::Special::kPhase) {
          block.earliest = std::min(block.earliest, row->end_ns);
        }
        return Note(*row, number);
      });
  lines_ += lines;
  blocks_.push_back(block);
  return scanned;
}

absl::Status MarkerTable::Note(const MarkerRow& row, uint64_t line) {
  if (row.special == MarkerRow::Special::kPhase) return NotePhase(row, line);
  begin_ns_ = std::min(begin_ns_, row.begin_ns);
  end_ns_ = std::max(end_ns_, row.end_ns);
  threads_ = std::max(threads_, row.thread + 1u);
  ++markers_;
  std::optional<int64_t>& begin = phase_begins_[row.phase];
  begin = std::min(begin.value_or(row.begin_ns), row.begin_ns);
  if (IsOperator(row)) {
    has_durations_ = has_durations_ || row.end_ns > row.begin_ns;
    if (absl::Status status = NoteOperator(row, line); !status.ok()) return status;
  }
  return InIteration(row) ? NoteIteration(row, line) : absl::OkStatus();
}

absl::Status MarkerTable::NotePhase(const MarkerRow& row, uint64_t line) {
  if (phases_.size() == kMostPhases) {
    return AtLine(name_, line, fmt::format("a run has at most {} phases", kMostPhases));
  }
  v1::PhaseChange& phase = phases_.emplace_back();
  phase.set_phase(static_cast<v1::Phase>(row.phase));
  phase.set_at_ns(row.begin_ns);
  phases_end_ns_ = std::max(phases_end_ns_.value_or(row.end_ns), row.end_ns);
  return absl::OkStatus();
}

std::optional<uint32_t> MarkerTable::FindOperator(std::string_view name) const {
  const auto found = op_places_.find(name);
  return found == op_places_.end() ? std::nullopt : std::optional(found->second);
}

absl::Status MarkerTable::NoteOperator(const MarkerRow& row, uint64_t line) {
  std::optional<uint32_t> place = FindOperator(row.op);
  if (!place) {
    if (ops_.size() == kMostTraceOperators) {
      return AtLine(name_, line,
                    fmt::format("more than {} operators: is an iteration's number part of their "
                                "names?",
                                kMostTraceOperators));
    }
    absl::Status named = CheckTraceName("op", row.op);
    named.Update(CheckTraceName("type", row.type));
    if (!named.ok()) return AtLine(name_, line, named);
    place = static_cast<uint32_t>(ops_.size());
    ops_.push_back({.name = std::string(row.op),
                    .type = std::string(row.type),
                    .given = row.index,
                    .line = line});
    op_places_.emplace(ops_.back().name, *place);
  }
  OperatorFacts& op = ops_[*place];
  if (op.type != row.type || op.given != row.index) {
    const auto text = [](std::string_view type, std::optional<uint32_t> index) {
      return fmt::format("'{}'{}", type, index ? fmt::format(", index {}", *index) : "");
    };
    return AtLine(name_, line,
                  fmt::format("the operator '{}' is of type {}, but in line {} of type {}. "
                              "Operators are told apart by their names: give each its own",
                              row.op, text(row.type, row.index), op.line, text(op.type, op.given)));
  }
  op.begin_ns = std::min(op.begin_ns, row.begin_ns);
  return absl::OkStatus();
}

absl::Status MarkerTable::NoteIteration(const MarkerRow& row, uint64_t line) {
  const auto is = [&](uint32_t place) {
    return place < iterations_.size() && iterations_[place].phase == row.phase &&
           iterations_[place].iteration == row.iteration;
  };
  if (!is(last_iteration_)) {
    const auto [place, added] = iteration_places_.try_emplace(
        KeyOf(row.phase, row.iteration), static_cast<uint32_t>(iterations_.size()));
    last_iteration_ = place->second;
    if (added) {
      iterations_.push_back({.phase = row.phase, .iteration = row.iteration, .line = line});
    }
  }
  IterationFacts& one = iterations_[last_iteration_];
  one.begin_ns = std::min(one.begin_ns, row.begin_ns);
  one.end_ns = std::max(one.end_ns, row.end_ns);
  if (IsOperator(row)) {
    ++one.rows;
  } else if (std::exchange(one.has_net, true)) {
    return AtLine(name_, line, fmt::format("{} has a second row @net", IterationName(one)));
  }
  return absl::OkStatus();
}

absl::Status MarkerTable::CheckIterations() {
  iteration_places_ = {};
  std::ranges::stable_sort(iterations_, {}, &IterationFacts::begin_ns);
  for (size_t i = 1; i < iterations_.size(); ++i) {
    const IterationFacts& before = iterations_[i - 1];
    const IterationFacts& one = iterations_[i];
    if (one.begin_ns >= before.end_ns) continue;
    return AtLine(name_, one.line,
                  fmt::format("{} begins at {} ns, before {} (line {}) has ended at {} ns: "
                              "iterations must follow each other",
                              IterationName(one), one.begin_ns, IterationName(before), before.line,
                              before.end_ns));
  }
  if (IterationsIn(v1::PHASE_MEASURE) > 0) return absl::OkStatus();
  return AtLine(name_, lines_, "there is no row of an operator in a measured iteration");
}

absl::Status MarkerTable::NumberOperators() {
  if (ops_.size() > kMostExecutedOperators) {
    return AtLine(name_, ops_[kMostExecutedOperators].line,
                  fmt::format("there are {} operators in all, and at most {} are read: is an "
                              "iteration's number part of their names? Otherwise give several "
                              "small ones one row and one name",
                              ops_.size(), kMostExecutedOperators));
  }
  std::vector<OperatorFacts*> order;
  for (OperatorFacts& op : ops_) order.push_back(&op);
  std::ranges::stable_sort(order, {}, [](const OperatorFacts* op) {
    return std::pair(op->given.value_or(kMostTraceOperators), op->begin_ns);
  });
  const bool given = order.front()->given.has_value();
  for (OperatorFacts* op : order) {
    const auto next = static_cast<uint32_t>(operators_.operators_size());
    const uint32_t index = given && op->given ? *op->given : next;
    if (given != op->given.has_value()) {
      return AtLine(name_, op->line,
                    "some operators have an index, this one has none: give it to "
                    "all, or to none");
    }
    if (index < next) {
      return AtLine(
          name_, op->line,
          fmt::format("the operators '{}' and '{}' both have the index "
                      "{}",
                      op->name, operators_.operators(static_cast<int>(index)).name(), index));
    }
    for (uint32_t i = next; i <= index; ++i) {
      v1::OperatorInfo* info = operators_.add_operators();
      info->set_index(i);
      info->set_name(i == index ? op->name : fmt::format("operator {}", i));
      info->set_type(i == index && !op->type.empty() ? op->type : "unknown");
    }
    op->index = index;
  }
  if (operators_.ByteSizeLong() > kMostTableBytes) {
    return AtLine(name_, lines_, "the names of the operators are too long together");
  }
  return absl::OkStatus();
}

void MarkerTable::SortPhases() { std::ranges::stable_sort(phases_, {}, &v1::PhaseChange::at_ns); }

absl::Status MarkerTable::FinishScan() {
  if (!parser_) return AtLine(name_, 1, "there is no header: the file is empty");
  if (markers_ == 0) return AtLine(name_, lines_, "there is no row below the header");
  if (absl::Status status = CheckIterations(); !status.ok()) return status;
  if (absl::Status status = NumberOperators(); !status.ok()) return status;
  SortPhases();
  // Where a file says when whole iterations ran, those that it does not say it of were cut off.
  const bool any_net = std::ranges::any_of(iterations_, &IterationFacts::has_net);
  for (IterationFacts& one : iterations_) {
    one.needs_net = !any_net && one.rows > 0;
    markers_ += one.needs_net ? 1 : 0;
  }
  return absl::OkStatus();
}

uint64_t MarkerTable::IterationsIn(v1::Phase phase) const {
  return static_cast<uint64_t>(std::ranges::count_if(
      iterations_, [&](const auto& one) { return one.phase == phase && one.rows > 0; }));
}

std::optional<int64_t> MarkerTable::BeginOf(v1::Phase phase) const {
  return phase_begins_[static_cast<size_t>(phase)];
}

absl::StatusOr<std::vector<TraceMarker>> MarkerTable::Read(size_t block, std::string_view text) {
  std::vector<TraceMarker> markers;
  uint64_t lines = 0;
  const absl::Status read = ForEachLine(
      text, blocks_[block].first_line, &lines, [&](std::string_view line, uint64_t number) {
        if (number <= header_line_) return absl::OkStatus();
        const absl::StatusOr<MarkerRow> row = parser_->Parse(line);
        if (!row.ok()) return AtLine(name_, number, row.status());
        if (row->special == MarkerRow::Special::kPhase) return absl::OkStatus();
        uint32_t op = SpecialOp(row->special);
        if (IsOperator(*row)) {
          const std::optional<uint32_t> place = FindOperator(row->op);
          if (!place) return AtLine(name_, number, "the file changed meanwhile");
          op = ops_[*place].index;
        }
        markers.push_back({.marker = {.begin_ns = row->begin_ns,
                                      .end_ns = row->end_ns,
                                      .op = op,
                                      .iteration = row->iteration,
                                      .thread = row->thread,
                                      .device = 0,
                                      .phase = row->phase,
                                      .event = 0},
                           .line = number});
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return markers;
}

}  // namespace synergy
