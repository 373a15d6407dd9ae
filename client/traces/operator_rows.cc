#include "client/traces/operator_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "client/traces/text_block.h"
#include "client/traces/trace_rows.h"
#include "common/csv.h"
#include "common/printable.h"
#include "common/records/chunk.h"

namespace synergy {
namespace {

enum Column : size_t {
  kIndex,
  kName,
  kType,
  kEngine,
  kInputs,
  kOutputs,
  kMacs,
  kFlops,
  kBytesRead,
  kBytesWritten,
  kParams,
  kCostSource
};
constexpr std::array<CsvColumn, 12> kColumns = {{{"index"},
                                                 {"name"},
                                                 {"type"},
                                                 {"engine", false},
                                                 {"inputs", false},
                                                 {"outputs", false},
                                                 {"macs", false},
                                                 {"flops", false},
                                                 {"bytes_read", false},
                                                 {"bytes_written", false},
                                                 {"params", false},
                                                 {"cost_source", false}}};
// The table is one record of one chunk, as in marker_table.cc.
constexpr size_t kMostTableBytes = kMaxChunkDataBytes - 64;

using Shapes = google::protobuf::RepeatedPtrField<v1::TensorShape>;

absl::Status Wrong(std::string what) { return absl::InvalidArgumentError(std::move(what)); }

absl::StatusOr<std::string> Unescaped(std::string_view text, std::string_view what) {
  if (Printable(text, text.size()) != text) {
    return Wrong(fmt::format("{} has bytes that are no printable UTF-8", what));
  }
  std::string plain;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '\\') {
      plain += text.front();
    } else if (text.starts_with("\\\\")) {
      plain += '\\';
      text.remove_prefix(1);
    } else {
      uint8_t code = 0;
      const std::string_view digits = text.substr(std::min<size_t>(2, text.size()), 2);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
      if (!text.starts_with("\\x") || error != std::errc() || end != digits.data() + 2) {
        return Wrong(
            fmt::format("{} has a backslash that is neither \\\\ nor \\x and two digits", what));
      }
      if (code >= 0x80) plain += static_cast<char>(0xC0 | code >> 6);
      plain += static_cast<char>(code >= 0x80 ? 0x80 | (code & 0x3F) : code);
      text.remove_prefix(3);
    }
  }
  return plain;
}

std::string ShapesField(const Shapes& shapes) {
  std::string field;
  for (const v1::TensorShape& shape : shapes) {
    if (!field.empty()) field += ' ';
    field += EscapedText(shape.blob(), " :") + ':';
    for (int i = 0; i < shape.dims_size(); ++i) {
      field += fmt::format("{}{}", i > 0 ? "x" : "", shape.dims(i));
    }
  }
  return field;
}

absl::Status ReadShapes(std::string_view field, std::string_view what, Shapes* shapes) {
  while (!field.empty()) {
    const size_t end = std::min(field.find(' '), field.size());
    const std::string_view one = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    const size_t colon = one.find(':');
    if (colon == std::string_view::npos) {
      return Wrong(fmt::format("'{}' is no shape: BLOB:1x64x8x8", one));
    }
    v1::TensorShape* shape = shapes->Add();
    absl::StatusOr<std::string> blob = Unescaped(one.substr(0, colon), what);
    if (!blob.ok()) return blob.status();
    shape->set_blob(*std::move(blob));
    for (size_t at = colon + 1; at < one.size();) {
      const size_t next = std::min(one.find('x', at), one.size());
      const auto dim = ParseInteger(one.substr(at, next - at), what, INT64_MIN, INT64_MAX);
      if (!dim.ok()) return dim.status();
      shape->add_dims(*dim);
      at = next + 1;
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTexts(const CsvTable& table, v1::OperatorInfo* op) {
  for (const auto& [column, set] : {std::pair(kName, &v1::OperatorInfo::mutable_name),
                                    {kType, &v1::OperatorInfo::mutable_type},
                                    {kEngine, &v1::OperatorInfo::mutable_engine},
                                    {kCostSource, &v1::OperatorInfo::mutable_cost_source}}) {
    absl::StatusOr<std::string> text = Unescaped(table[column], kColumns[column].name);
    if (!text.ok()) return text.status();
    *(op->*set)() = *std::move(text);
  }
  return absl::OkStatus();
}

absl::Status ReadCosts(const CsvTable& table, v1::OperatorInfo* op) {
  for (const auto& [column, set] : {std::pair(kMacs, &v1::OperatorInfo::set_macs),
                                    {kFlops, &v1::OperatorInfo::set_flops},
                                    {kBytesRead, &v1::OperatorInfo::set_bytes_read},
                                    {kBytesWritten, &v1::OperatorInfo::set_bytes_written},
                                    {kParams, &v1::OperatorInfo::set_params}}) {
    if (table[column].empty()) continue;
    const auto cost = ParseInteger(table[column], kColumns[column].name, 0, INT64_MAX);
    if (!cost.ok()) return cost.status();
    (op->*set)(*cost);
    op->set_has_cost(true);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::OperatorInfo> ReadOperator(const CsvTable& table) {
  v1::OperatorInfo op;
  const auto index = ParseInteger(table[kIndex], "index", 0, kMostTraceOperators - 1);
  if (!index.ok()) return index.status();
  op.set_index(static_cast<uint32_t>(*index));
  absl::Status read = ReadTexts(table, &op);
  if (read.ok()) read = ReadShapes(table[kInputs], "inputs", op.mutable_inputs());
  if (read.ok()) read = ReadShapes(table[kOutputs], "outputs", op.mutable_outputs());
  if (read.ok()) read = ReadCosts(table, &op);
  if (!read.ok()) return read;
  return op;
}

}  // namespace

std::string OperatorHeaderLine() {
  std::string line;
  for (const CsvColumn& column : kColumns) {
    line += fmt::format("{}{}", line.empty() ? "" : ",", column.name);
  }
  return line + "\n";
}

void AppendOperatorLine(const v1::OperatorInfo& op, std::string* out) {
  auto to = std::back_inserter(*out);
  fmt::format_to(to, "{}", op.index());
  for (const std::string& field :
       {EscapedText(op.name()), EscapedText(op.type()), EscapedText(op.engine()),
        ShapesField(op.inputs()), ShapesField(op.outputs())}) {
    fmt::format_to(to, ",{}", QuotedField(field));
  }
  if (op.has_cost()) {
    fmt::format_to(to, ",{},{},{},{},{}", op.macs(), op.flops(), op.bytes_read(),
                   op.bytes_written(), op.params());
  } else {
    *out += ",,,,,";
  }
  fmt::format_to(to, ",{}\n", QuotedField(EscapedText(op.cost_source())));
}

absl::StatusOr<v1::OperatorTable> ParseOperators(std::string_view text, const std::string& file) {
  std::optional<CsvTable> rows;
  v1::OperatorTable table;
  std::set<uint32_t> known;
  uint64_t lines = 0;
  const auto read = [&](std::string_view line) -> absl::Status {
    if (!rows && line.starts_with('#')) return absl::OkStatus();
    if (!rows) {
      absl::StatusOr<CsvTable> header = CsvTable::ParseHeader(line, kColumns);
      if (header.ok()) rows = *std::move(header);
      return header.status();
    }
    if (absl::Status status = rows->ParseRow(line); !status.ok()) return status;
    absl::StatusOr<v1::OperatorInfo> op = ReadOperator(*rows);
    if (!op.ok()) return op.status();
    if (!known.insert(op->index()).second) {
      return Wrong(fmt::format("the operator {} is there twice", op->index()));
    }
    *table.add_operators() = *std::move(op);
    return absl::OkStatus();
  };
  const absl::Status status =
      ForEachLine(text, 1, &lines, [&](std::string_view line, uint64_t number) {
        const absl::Status one = read(line);
        return one.ok() ? one : AtLine(file, number, one);
      });
  if (!status.ok()) return status;
  if (!rows) return AtLine(file, lines, "there is no header");
  return table;
}

absl::StatusOr<v1::OperatorTable> MergedOperators(const v1::OperatorTable& of_markers,
                                                  const v1::OperatorTable& given,
                                                  const std::string& file) {
  v1::OperatorTable merged = of_markers;
  for (const v1::OperatorInfo& op : given.operators()) {
    while (op.index() >= static_cast<uint32_t>(merged.operators_size())) {
      v1::OperatorInfo* more = merged.add_operators();
      more->set_index(static_cast<uint32_t>(merged.operators_size()) - 1);
      more->set_type("unknown");
    }
    v1::OperatorInfo* place = merged.mutable_operators(static_cast<int>(op.index()));
    const std::string& type = place->type();
    if (type != "unknown" && type != TraceTypeName(op.type())) {
      return Wrong(fmt::format("{}: the operator {} is of type '{}', but '{}' in the markers", file,
                               op.index(), op.type(), type));
    }
    *place = op;
  }
  if (merged.ByteSizeLong() > kMostTableBytes) {
    return Wrong(fmt::format("{}: the operators take {} bytes; a run has {} for them", file,
                             merged.ByteSizeLong(), kMostTableBytes));
  }
  return merged;
}

}  // namespace synergy
