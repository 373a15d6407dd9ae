#include "client/predict/model_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "client/predict/intervals.h"
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

// The upper triangle, row by row.
std::vector<double> TriangleOf(const MatrixXd& matrix) {
  std::vector<double> triangle;
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index k = i; k < matrix.cols(); ++k) triangle.push_back(matrix(i, k));
  }
  return triangle;
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
  // Those of coefficients at 0 are 0.
  text += fmt::format("covariance = [{}]\n", fmt::join(TriangleOf(part.covariance), ", "));
  if (const JointRange& together = part.together; !together.features.empty()) {
    text += fmt::format("together = {}\ntogether_least = {}\ntogether_most = {}\n",
                        Quoted(together.features), together.least, together.most);
    text += fmt::format("together_inverse = [{}]\n", fmt::join(TriangleOf(together.inverse), ", "));
  }
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

MatrixXd SymmetricOf(TomlTable& table, std::string_view key, size_t rows) {
  const VectorXd triangle = VectorOf(table, key, rows * (rows + 1) / 2);
  const auto count = static_cast<Index>(rows);
  MatrixXd matrix(count, count);
  Index next = 0;
  for (Index i = 0; i < count; ++i) {
    for (Index k = i; k < count; ++k) matrix(i, k) = matrix(k, i) = triangle[next++];
  }
  return matrix;
}

// Models of version 3 and before have none.
void ReadTogether(TomlTable& table, ModelPart* part) {
  if (!table.Has("together")) return;
  JointRange& together = part->together;
  together.features = table.Texts("together");
  together.least = table.Number("together_least");
  together.most = table.Number("together_most");
  together.inverse = SymmetricOf(table, "together_inverse", together.features.size() + 1);
  for (const auto& [key, value] :
       {std::pair("together_least", together.least), std::pair("together_most", together.most)}) {
    if (!(value > 0 && std::isfinite(value))) table.Fail(key, "must be a number above 0");
  }
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

// Variances that can be; 0 is not known.
void CheckCovariance(TomlTable& table, const MatrixXd& covariance) {
  constexpr double kRounding = 1e-6;
  for (Index i = 0; i < covariance.rows(); ++i) {
    if (covariance(i, i) < 0) table.Fail("covariance", "has a variance below 0");
    for (Index k = 0; k < i; ++k) {
      const double most = std::sqrt(covariance(i, i)) * std::sqrt(covariance(k, k));
      if (std::abs(covariance(i, k)) <= (1 + kRounding) * most) continue;
      table.Fail("covariance", "has a covariance beyond the variances of its two terms");
      return;
    }
  }
}

void ReadRanges(TomlTable& table, ModelPart* part) {
  for (TomlTable& range : table.TablesIfAny("range")) {
    part->hull.push_back({range.Text("feature"), range.Number("low"), range.Number("high")});
    const auto& [feature, low, high] = part->hull.back();
    if (!(low <= high && std::isfinite(low) && std::isfinite(high))) {
      range.Fail("low", fmt::format("is {} and high {}: the range of '{}' must go from a number to "
                                    "one that is not below it",
                                    low, high, feature));
    }
    table.Fail(range.Finish());
  }
  CheckCount(table, "ranges", part->hull.size());
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
  part.covariance = SymmetricOf(table, "covariance", count);
  CheckCovariance(table, part.covariance);
  ReadTogether(table, &part);
  ReadRanges(table, &part);
  parent->Fail(table.Finish());
  return part;
}

bool IsOfWholeNetworks(const ModelPart& part) {
  return std::ranges::find(part.hull, "depthwise_share", &FeatureRange::feature) != part.hull.end();
}

// What the family does not have in one of its parts; empty: nothing.
std::string Misfit(Family family, const ModelPart& part) {
  const bool is_energy = part.target == "energy";
  const bool is_of_operators = IsOfOperators(family);
  if (!is_of_operators && part.op_class) return "is of a class of operators";
  if (is_of_operators && IsOfWholeNetworks(part)) {
    return "has a range of depthwise_share, which whole networks alone have";
  }
  const bool is_physical = family == Family::kPhysical;
  if (is_physical && (part.target == "time") != part.op_class.has_value()) {
    return "must be of the time of a class, or of the energy of all";
  }
  if (is_of_operators && !is_physical && !(part.op_class && is_energy)) {
    return "must be of the energy of a class";
  }
  const bool is_count = part.target == "simd" || part.target == "bus";
  if (!is_of_operators && !is_energy && !(family == Family::kChain && is_count)) {
    return fmt::format("has the target '{}'", part.target);
  }
  const bool is_signed = family == Family::kIndividual || !is_of_operators;
  if (!is_signed && (part.coefficients.array() < 0).any()) {
    return "has a coefficient below 0, which this family's never are";
  }
  const bool has_powers = std::ranges::all_of(part.terms, [](const Term& term) {
    return term.factors.size() == 1 && term.factors[0].feature == "macs";
  });
  if (family == Family::kMac && !has_powers) return "has terms that are no powers of macs";
  return "";
}

void CheckParts(TomlTable& table, const EnergyModel& model) {
  std::set<std::pair<std::string, std::optional<OpClass>>> seen;
  for (const ModelPart& part : model.parts) {
    const std::string name =
        fmt::format("of {} ({})", part.op_class ? OpClassName(*part.op_class) : "all", part.target);
    if (const std::string why = Misfit(model.family, part); !why.empty()) {
      table.Fail("part", fmt::format("{} {}: the family '{}' has no such part", name, why,
                                     FamilyName(model.family)));
    }
    if (!seen.emplace(part.target, part.op_class).second) {
      table.Fail("part", fmt::format("{} is there twice", name));
    }
  }
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
  if (!(model.network_log_half >= 0 && model.network_log_half <= kMostLogHalf)) {
    table.Fail("network_log_half_95",
               fmt::format("must be 0 (not known) or above, up to {}", kMostLogHalf));
  }
  if (!has_energy) table.Fail("part", "has none whose target is energy");
  CheckParts(table, model);
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
