#include "client/predict/table_csv.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/csv.h"
#include "common/nearest_name.h"

namespace synergy {
namespace {

constexpr std::array<std::string_view, 5> kTexts = {"network", "run", "layer", "type",
                                                    "architecture"};

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

bool IsText(std::string_view name) { return std::ranges::find(kTexts, name) != kTexts.end(); }

// What a number may be. Sums of squares of products by two stay far from overflow.
struct Domain {
  std::string_view name;  // of what is mapped; empty: of any other
  double lowest = 0, highest = 0;
  std::string_view words;
};
constexpr std::array<Domain, 6> kDomains = {{
    {"energy", 1e-15, 1e12, "in J, above 0 (1e-15 to 1e12)"},
    {"energy_sd", 0, 1e12, "in J, from 0 to 1e12"},
    {"time", 0, 1e9, "in s, from 0 to 1e9"},
    {"frequency", 1e-3, 1e2, "in GHz, from 0.001 to 100"},
    {"temperature", -100, 1000, "in degrees Celsius, from -100 to 1000"},
    {"", 0, 1e18, "from 0 to 1e18"},
}};

const Domain& DomainOf(std::string_view name) {
  const auto* const found = std::ranges::find(kDomains, name, &Domain::name);
  return found == kDomains.end() ? kDomains.back() : *found;
}

// A column of the file and what its numbers are multiplied by.
struct Source {
  std::string name;  // what it is for us
  size_t column = 0;
  std::string column_name;
  double scale = 1;
};

absl::StatusOr<Source> SourceOf(const std::string& name, std::string_view text,
                                const std::vector<std::string_view>& columns) {
  Source source{.name = name, .column = 0, .column_name = {}, .scale = 1};
  std::string_view column = text;
  auto found = std::ranges::find(columns, column);
  if (const size_t star = text.rfind('*'); found == columns.end() && star != text.npos) {
    column = Trimmed(text.substr(0, star));
    found = std::ranges::find(columns, column);
    const auto scale =
        ParseDecimal(Trimmed(text.substr(star + 1)), fmt::format("the factor of {}", name));
    if (!scale.ok()) return scale.status();
    source.scale = *scale;
  }
  if (found == columns.end()) {
    const std::vector<std::string> known(columns.begin(), columns.end());
    const std::string nearest = NearestName(column, known);
    return absl::InvalidArgumentError(fmt::format(
        "{} is mapped to the column '{}', which is not in the header{}; it has: {}", name, column,
        nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest),
        fmt::join(known, ", ")));
  }
  source.column = static_cast<size_t>(found - columns.begin());
  source.column_name = *found;
  return source;
}

class Reader {
 public:
  static absl::StatusOr<Reader> Make(std::string_view header, const ColumnMap& map);
  absl::Status Add(std::string_view line);
  // InvalidArgument: rows of several runs of a network, with nothing that tells them apart.
  absl::Status CheckRuns() const;
  FeatureTable Table() &&;

 private:
  absl::StatusOr<double> Number(const Source& source) const {
    const auto value = ParseDecimal(table_[source.column], source.name);
    if (!value.ok()) return value.status();
    const double scaled = *value * source.scale;
    const Domain& domain = DomainOf(source.name);
    if (scaled >= domain.lowest && scaled <= domain.highest) return scaled;
    return absl::InvalidArgumentError(fmt::format("{} (column '{}') is {:g}; it must be {}",
                                                  source.name, source.column_name, scaled,
                                                  domain.words));
  }

  CsvTable table_;
  std::map<std::string, Source> texts_;
  std::vector<Source> numbers_;
  std::vector<std::vector<double>> values_;  // of numbers_
  FeatureTable out_;
};

absl::StatusOr<Reader> Reader::Make(std::string_view header, const ColumnMap& map) {
  Reader reader;
  const std::vector<std::string_view> names = CsvNames(header);
  std::vector<CsvColumn> columns;
  for (const std::string_view name : names) columns.push_back({.name = name});
  absl::StatusOr<CsvTable> table = CsvTable::ParseHeader(header, columns);
  if (!table.ok()) return table.status();
  reader.table_ = *std::move(table);
  for (const char* needed : {"energy", "network"}) {
    if (map.contains(needed)) continue;
    return absl::InvalidArgumentError(fmt::format(
        "the map says no column for {}: it needs energy=COLUMN and network=COLUMN; the header has: "
        "{}",
        needed, fmt::join(names, ", ")));
  }
  for (const auto& [name, column] : map) {
    const absl::StatusOr<Source> source = SourceOf(name, column, names);
    if (!source.ok()) return source.status();
    if (IsText(name)) {
      reader.texts_[name] = *source;
    } else {
      reader.numbers_.push_back(*source);
    }
  }
  reader.values_.resize(reader.numbers_.size());
  return reader;
}

absl::Status Reader::Add(std::string_view line) {
  if (absl::Status status = table_.ParseRow(line); !status.ok()) return status;
  std::vector<double> row;
  for (const Source& source : numbers_) {
    const auto value = Number(source);
    if (!value.ok()) return value.status();
    row.push_back(*value);
  }
  const Source& network = texts_.at("network");
  if (table_[network.column].empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "network (column '{}') is empty; each row must name its network", network.column_name));
  }
  for (size_t i = 0; i < row.size(); ++i) values_[i].push_back(row[i]);
  const auto text = [&](const char* name, const std::string& fallback) {
    const auto found = texts_.find(name);
    return found == texts_.end() ? fallback : std::string(table_[found->second.column]);
  };
  out_.networks.push_back(text("network", ""));
  const std::string run = text("run", "");
  out_.runs.push_back(run.empty() ? out_.networks.back()
                                  : fmt::format("{} ({})", out_.networks.back(), run));
  out_.layers.push_back(text("layer", ""));
  out_.types.push_back(text("type", ""));
  const std::string architecture = text("architecture", "");
  out_.architectures.push_back(architecture.empty() ? ArchitectureOfName(out_.networks.back())
                                                    : architecture);
  return absl::OkStatus();
}

absl::Status Reader::CheckRuns() const {
  if (texts_.contains("run")) return absl::OkStatus();
  const bool has_parts = texts_.contains("layer") || texts_.contains("type");
  const auto frequency = std::ranges::find(numbers_, "frequency", &Source::name);
  std::map<std::string_view, size_t> first;
  std::set<std::pair<std::string_view, std::string_view>> layers;
  for (size_t row = 0; row < out_.networks.size(); ++row) {
    const std::string &network = out_.networks[row], &layer = out_.layers[row];
    const auto [at, is_new] = first.emplace(network, row);
    std::string why;
    if (!is_new && !has_parts) why = "is in several rows";
    if (!layers.emplace(network, layer).second && !layer.empty()) {
      why = fmt::format("has several rows of the layer '{}'", layer);
    }
    if (frequency != numbers_.end()) {
      const auto& hz = values_[static_cast<size_t>(frequency - numbers_.begin())];
      if (hz[row] != hz[at->second]) why = "has rows of several frequencies";
    }
    if (why.empty()) continue;
    return absl::InvalidArgumentError(fmt::format(
        "the network '{}' {}, which would be added up: map run=COLUMN, which tells its runs "
        "apart{}",
        network, why, has_parts ? "" : ", or layer=COLUMN or type=COLUMN if they are its layers"));
  }
  return absl::OkStatus();
}

FeatureTable Reader::Table() && {
  const auto count = static_cast<Eigen::Index>(out_.networks.size());
  out_.energy_sd_j = Eigen::VectorXd::Zero(count);
  for (size_t i = 0; i < numbers_.size(); ++i) {
    Eigen::VectorXd values = Eigen::Map<const Eigen::VectorXd>(values_[i].data(), count);
    if (numbers_[i].name == "energy") {
      out_.energy_j = std::move(values);
    } else if (numbers_[i].name == "energy_sd") {
      out_.energy_sd_j = std::move(values);
    } else {
      out_.Set(numbers_[i].name, std::move(values));
    }
  }
  const Eigen::VectorXd *groups = out_.Find("groups"), *channels = out_.Find("channels");
  for (Eigen::Index i = 0; groups != nullptr && channels != nullptr && i < count; ++i) {
    std::string& type = out_.types[static_cast<size_t>(i)];
    type = TypeOf(type, (*groups)[i], (*channels)[i]);
  }
  return std::move(out_);
}

}  // namespace

absl::StatusOr<ColumnMap> ParseColumnMap(std::string_view text) {
  ColumnMap map;
  for (const std::string_view part : CsvNames(text)) {
    const size_t equals = part.find('=');
    const std::string name(Trimmed(part.substr(0, equals)));
    const std::string column(equals == part.npos ? "" : Trimmed(part.substr(equals + 1)));
    if (name.empty() || column.empty()) {
      return absl::InvalidArgumentError(fmt::format(
          "'{}' maps nothing: a map is written as energy=COLUMN,network=COLUMN,macs=COLUMN*1e6",
          part));
    }
    if (!map.emplace(name, column).second) {
      return absl::InvalidArgumentError(fmt::format("{} is mapped twice", name));
    }
  }
  return map;
}

absl::StatusOr<FeatureTable> ReadFeatureTable(std::string_view text, const ColumnMap& map) {
  std::optional<Reader> reader;
  size_t number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = TrimmedLine(text.substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    if (!reader) {
      absl::StatusOr<Reader> made = Reader::Make(line, map);
      if (!made.ok()) return made.status();
      reader = *std::move(made);
      continue;
    }
    if (absl::Status status = reader->Add(line); !status.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("line {}: {}", number, std::string(status.message())));
    }
  }
  if (!reader) return absl::InvalidArgumentError("the file is empty; its first line names columns");
  if (absl::Status status = reader->CheckRuns(); !status.ok()) return status;
  return std::move(*reader).Table();
}

}  // namespace synergy
