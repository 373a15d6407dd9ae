#include "common/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/nearest_name.h"

namespace synergy {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string NamesOf(std::span<const CsvColumn> columns) {
  std::string text;
  for (const CsvColumn& column : columns) {
    text +=
        fmt::format("{}{}{}", text.empty() ? "" : ",", column.required ? "" : "[", column.name) +
        (column.required ? "" : "]");
  }
  return text;
}

absl::Status WrongHeader(const std::string& what, std::span<const CsvColumn> columns) {
  return absl::InvalidArgumentError(fmt::format(
      "{}. The first line names the columns, in any order: {}", what, NamesOf(columns)));
}

absl::Status WrongColumn(std::string_view name, std::span<const CsvColumn> columns) {
  if (name.find_first_of(";\t") != std::string_view::npos) {
    return WrongHeader("the columns are not separated by commas", columns);
  }
  std::vector<std::string> known;
  for (const CsvColumn& column : columns) known.emplace_back(column.name);
  const std::string nearest = NearestName(name, known);
  return WrongHeader(
      fmt::format("'{}' is no column that is known here{}", name,
                  nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)),
      columns);
}

}  // namespace

std::string_view TrimmedLine(std::string_view line) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<std::string_view> CsvNames(std::string_view line) {
  std::vector<std::string_view> names;
  for (size_t at = 0; at <= line.size();) {
    const size_t comma = std::min(line.find(',', at), line.size());
    std::string_view name = Trimmed(line.substr(at, comma - at));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
      name = name.substr(1, name.size() - 2);
    }
    names.push_back(name);
    at = comma + 1;
  }
  return names;
}

absl::StatusOr<CsvTable> CsvTable::ParseHeader(std::string_view line,
                                               std::span<const CsvColumn> columns) {
  CsvTable table(columns.size());
  for (const std::string_view name : CsvNames(line)) {
    const auto column = std::ranges::find(columns, name, &CsvColumn::name);
    if (column == columns.end()) return WrongColumn(name, columns);
    const auto index = static_cast<size_t>(column - columns.begin());
    if (table.has_[index]) {
      return WrongHeader(fmt::format("the column '{}' is there twice", name), columns);
    }
    table.has_[index] = true;
    table.columns_.push_back(index);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].required && !table.has_[i]) {
      return WrongHeader(fmt::format("the column '{}' is missing", columns[i].name), columns);
    }
  }
  return table;
}

absl::Status CsvTable::ParseRow(std::string_view line) {
  if (line.find('"') != std::string_view::npos) return ParseQuotedRow(line);
  size_t at = 0;
  size_t place = 0;
  while (true) {
    const size_t comma = std::min(line.find(',', at), line.size());
    if (place < columns_.size()) fields_[columns_[place]] = Trimmed(line.substr(at, comma - at));
    ++place;
    if (comma == line.size()) break;
    at = comma + 1;
  }
  if (place == columns_.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the row has {} fields, the header {}. Fields are separated by commas, numbers "
                  "have a point, and a name with a comma stands in double quotes",
                  place, columns_.size()));
}

absl::Status CsvTable::ParseQuotedRow(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t at = 0; at <= line.size();) {
    while (at < line.size() && IsBlank(line[at])) ++at;
    std::string& field = fields.emplace_back();
    if (at == line.size() || line[at] != '"') {
      const size_t comma = std::min(line.find(',', at), line.size());
      field = Trimmed(line.substr(at, comma - at));
      at = comma + 1;
      continue;
    }
    size_t end = at + 1;
    for (; end < line.size(); ++end) {
      if (line[end] == '"' && (end + 1 == line.size() || line[end + 1] != '"')) break;
      if (line[end] == '"') ++end;
      field += line[end];
    }
    if (end >= line.size()) {
      return absl::InvalidArgumentError(
          "a double quote is not closed on its line; a quote within a quoted field is written as "
          "two");
    }
    at = std::min(line.find(',', end), line.size());
    if (!Trimmed(line.substr(end + 1, at - end - 1)).empty()) {
      return absl::InvalidArgumentError("something follows a quoted field before the next comma");
    }
    ++at;
  }
  if (fields.size() != columns_.size()) {
    return absl::InvalidArgumentError(
        fmt::format("the row has {} fields, the header {}", fields.size(), columns_.size()));
  }
  unquoted_ = std::move(fields);
  for (size_t i = 0; i < columns_.size(); ++i) fields_[columns_[i]] = unquoted_[i];
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ParseInteger(std::string_view text, std::string_view what, int64_t lowest,
                                     int64_t highest) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is '{}', which is no whole number", what, text));
  }
  if (error != std::errc() || value < lowest || value > highest) {
    return absl::InvalidArgumentError(
        fmt::format("{} is {}; allowed is {} to {}", what, text, lowest, highest));
  }
  return value;
}

absl::StatusOr<double> ParseDecimal(std::string_view text, std::string_view what) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return absl::InvalidArgumentError(
        fmt::format("{} is '{}', which is no decimal number", what, text));
  }
  return value;
}

std::string EscapedText(std::string_view text, std::string_view special) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const auto is_one_of = [&](size_t i, std::string_view signs) {
    return signs.find(text[i]) != signs.npos;
  };
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      escaped += "\\\\";
    } else if (byte(i) == 0xC2 && byte(i + 1) >= 0x80 && byte(i + 1) < 0xA0) {
      escaped += fmt::format("\\x{:02x}", byte(++i));
    } else if (byte(i) < 0x20 || byte(i) == 0x7F || is_one_of(i, special) ||
               (i == 0 && is_one_of(i, kFormulaSigns))) {
      escaped += fmt::format("\\x{:02x}", byte(i));
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

std::string QuotedField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos && Trimmed(text) == text) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c == '\n' || c == '\r' ? ' ' : c;
  }
  return quoted + '"';
}

}  // namespace synergy
