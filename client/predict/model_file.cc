#include "client/predict/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/toml_table.h"

namespace synergy {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr std::array<std::string_view, 8> kConditions = {
    "board", "board_name", "engine", "clocks", "threads", "batch", "simulated", "synergy"};

// In quotes, as TOML has them: as JSON, but for DEL.
std::string Quoted(std::string_view text) {
  std::string quoted = nlohmann::json(std::string(text))
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (size_t at = 0; (at = quoted.find('\x7f', at)) != quoted.npos;) {
    quoted.replace(at, 1, "\\u007f");
  }
  return quoted;
}

std::string Quoted(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(Quoted(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string PartText(const ModelPart& part) {
  std::string text = fmt::format("\n[[part]]\ntarget = {}\n", Quoted(part.target));
  if (part.op_class) text += fmt::format("class = {}\n", Quoted(OpClassName(*part.op_class)));
  std::vector<std::string> terms;
  for (const Term& term : part.terms) terms.push_back(term.Text());
  text += fmt::format("rows = {}\nratio_95 = [{}, {}]\nterms = {}\n", part.rows, part.ratio_low,
                      part.ratio_high, Quoted(terms));
  text += fmt::format("ranges = {}\n", part.hull.size());
  text += fmt::format("coefficients = [{}]\nscales = [{}]\n", fmt::join(part.coefficients, ", "),
                      fmt::join(part.scales, ", "));
  // Of the upper triangle, row by row: those of coefficients at 0 are 0.
  std::vector<double> triangle;
  for (Index i = 0; i < part.covariance.rows(); ++i) {
    for (Index k = i; k < part.covariance.cols(); ++k) triangle.push_back(part.covariance(i, k));
  }
  text += fmt::format("covariance = [{}]\n", fmt::join(triangle, ", "));
  for (const FeatureRange& range : part.hull) {
    text += fmt::format("[[part.range]]\nfeature = {}\nlow = {}\nhigh = {}\n",
                        Quoted(range.feature), range.low, range.high);
  }
  return text;
}

std::optional<OpClass> ClassOfName(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(OpClass::kOther); ++i) {
    const auto op_class = static_cast<OpClass>(i);
    if (OpClassName(op_class) == name) return op_class;
  }
  return std::nullopt;
}

// As many as there are terms; else an error.
VectorXd VectorOf(TomlTable& table, std::string_view key, size_t count) {
  const std::vector<double> numbers = table.Numbers(key);
  if (numbers.size() != count) {
    table.Fail(key, fmt::format("has {} numbers and should have {}", numbers.size(), count));
    return VectorXd::Zero(static_cast<Index>(count));
  }
  if (!std::ranges::all_of(numbers, [](double number) { return std::isfinite(number); })) {
    table.Fail(key, "has a number that is not finite");
  }
  return Eigen::Map<const VectorXd>(numbers.data(), static_cast<Index>(count));
}

// Of tables that follow: a file that was cut between two of them ends as a whole one does.
void CheckCount(TomlTable& table, std::string_view key, size_t count) {
  const int64_t written = table.Integer(key, 0, int64_t{1} << 31);
  if (static_cast<size_t>(written) == count) return;
  table.Fail(key,
             fmt::format("says {}, and {} follow: the file was cut, or changed", written, count));
}

void ReadTerms(TomlTable& table, ModelPart* part) {
  for (const std::string& text : table.Texts("terms")) {
    const absl::StatusOr<Term> term = ParseTerm(text);
    if (!term.ok()) {
      table.Fail("terms", std::string(term.status().message()));
      return;
    }
    part->terms.push_back(*term);
  }
  if (part->terms.empty()) table.Fail("terms", "must be there, with at least one");
}

ModelPart ReadPart(TomlTable table, TomlTable* parent) {
  ModelPart part;
  part.target = table.Text("target");
  if (table.Has("class")) {
    part.op_class = ClassOfName(table.Text("class"));
    if (!part.op_class) table.Fail("class", "is no class of operators that is known");
  }
  ReadTerms(table, &part);
  const size_t count = part.terms.size();
  part.rows = static_cast<uint64_t>(table.Integer("rows", 0, int64_t{1} << 53));
  const VectorXd ratios = VectorOf(table, "ratio_95", 2);
  part.ratio_low = ratios[0];
  part.ratio_high = ratios[1];
  const bool is_known = part.ratio_low != 0 || part.ratio_high != 0;
  if (is_known && !(part.ratio_low >= 0 && part.ratio_low <= 1 && part.ratio_high >= 1)) {
    table.Fail("ratio_95", "must go from at most 1 to at least 1, or be [0, 0]");
  }
  part.coefficients = VectorOf(table, "coefficients", count);
  part.scales = VectorOf(table, "scales", count);
  const VectorXd triangle = VectorOf(table, "covariance", count * (count + 1) / 2);
  part.covariance = MatrixXd::Zero(part.coefficients.size(), part.coefficients.size());
  Index next = 0;
  for (Index i = 0; i < part.covariance.rows(); ++i) {
    for (Index k = i; k < part.covariance.cols(); ++k) {
      part.covariance(i, k) = part.covariance(k, i) = triangle[next++];
    }
  }
  for (TomlTable& range : table.TablesIfAny("range")) {
    part.hull.push_back({range.Text("feature"), range.Number("low"), range.Number("high")});
    table.Fail(range.Finish());
  }
  CheckCount(table, "ranges", part.hull.size());
  parent->Fail(table.Finish());
  return part;
}

EnergyModel ReadModel(TomlTable& table) {
  EnergyModel model;
  const std::optional<Family> family = FamilyOfName(table.Text("family"));
  if (!family) table.Fail("family", "is no family that is known");
  model.family = family.value_or(Family::kMac);
  model.degree = static_cast<int>(table.Integer("degree", 1, 9));
  model.rail = table.TextOr("rail", "");
  model.network_log_half = table.Number("network_log_half_95");
  model.networks = table.Texts("networks");
  model.runs = table.Texts("runs");
  model.notes = table.Texts("notes");
  if (std::optional<TomlTable> conditions = table.TableIfAny("conditions")) {
    for (const std::string_view key : kConditions) {
      if (conditions->Has(key)) model.conditions[std::string(key)] = conditions->Text(key);
    }
    table.Fail(conditions->Finish());
  }
  for (TomlTable& part : table.Tables("part")) model.parts.push_back(ReadPart(part, &table));
  const bool has_energy = std::ranges::any_of(
      model.parts, [](const ModelPart& part) { return part.target == "energy"; });
  CheckCount(table, "parts", model.parts.size());
  if (!(model.network_log_half >= 0 && std::isfinite(model.network_log_half))) {
    table.Fail("network_log_half_95", "must be 0 (not known) or above");
  }
  if (!has_energy) table.Fail("part", "has none whose target is energy");
  return model;
}

// Of runs, in version 2 and before: their kernels and strides were guesses, and of pools 1.
constexpr std::array<std::string_view, 2> kGuessed = {"kernel", "stride"};

absl::Status DropGuesses(const std::string& origin, EnergyModel* model) {
  const auto is_guess = [](const auto& one) {
    return std::ranges::find(kGuessed, one.feature) != kGuessed.end();
  };
  for (ModelPart& part : model->parts) {
    for (const Term& term : part.terms) {
      if (!std::ranges::any_of(term.factors, is_guess)) continue;
      return absl::InvalidArgumentError(
          fmt::format("{}: the term '{}' is of a version of the format that guessed {}: fit the "
                      "model again",
                      origin, term.Text(), fmt::join(kGuessed, " and ")));
    }
    std::erase_if(part.hull, is_guess);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ModelText(const EnergyModel& model) {
  std::string text =
      "# Predicts joules: the sum over a part's terms of coefficient x term (macs, bytes, ... of "
      "an\n"
      "# execution; frequency in GHz, time in s), in J where the target is energy.\n";
  text += fmt::format("version = {}\nfamily = {}\ndegree = {}\n", kModelVersion,
                      Quoted(FamilyName(model.family)), model.degree);
  if (!model.rail.empty()) text += fmt::format("rail = {}\n", Quoted(model.rail));
  text += fmt::format("parts = {}\n", model.parts.size());
  text += fmt::format("network_log_half_95 = {}\nnetworks = {}\nruns = {}\n",
                      model.network_log_half, Quoted(model.networks), Quoted(model.runs));
  if (!model.notes.empty()) text += fmt::format("notes = {}\n", Quoted(model.notes));
  if (!model.conditions.empty()) {
    text += "\n[conditions]\n";
    for (const auto& [key, value] : model.conditions) {
      text += fmt::format("{} = {}\n", key, Quoted(value));
    }
  }
  for (const ModelPart& part : model.parts) text += PartText(part);
  return text;
}

absl::StatusOr<EnergyModel> ParseModel(std::string_view text, const std::string& origin) {
  toml::table parsed;
  try {
    parsed = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        fmt::format("{}: line {}: {}", origin, error.source().begin.line, error.description()));
  }
  TomlTable table(parsed, origin);
  const int64_t version = table.Integer("version", 1, 1'000'000);
  if (version > kModelVersion) {
    return absl::InvalidArgumentError(
        fmt::format("{}: version {} of the format is newer than this synergyctl reads ({})", origin,
                    version, kModelVersion));
  }
  EnergyModel model = ReadModel(table);
  if (absl::Status status = table.Finish(); !status.ok()) return status;
  if (version >= 3 || !model.conditions.contains("board")) return model;
  if (absl::Status status = DropGuesses(origin, &model); !status.ok()) return status;
  return model;
}

}  // namespace synergy
