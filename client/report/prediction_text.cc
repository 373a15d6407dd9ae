#include "client/report/prediction_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "client/report/text_table.h"

namespace synergy {
namespace {

using Align = TextTable::Align;

std::string Percent(double share) { return fmt::format("{:.1f}", 100 * share); }

std::string Printed(const std::vector<std::string>& names) {
  return Printable(fmt::format("{}", fmt::join(names, ", ")));
}

std::vector<std::string> FigureCells(const ErrorFigures& figures) {
  if (figures.count == 0) return std::vector<std::string>(6, "-");
  return {Percent(figures.mean),
          Percent(figures.sd),
          Percent(figures.median),
          Percent(figures.p90),
          Percent(figures.worst),
          figures.with_interval == 0 ? "-"
                                     : fmt::format("{}/{}", figures.inside, figures.with_interval)};
}

// What else is said of networks and of all operators.
std::vector<std::string> AllFigureCells(const ErrorFigures& figures) {
  std::vector<std::string> cells = FigureCells(figures);
  const bool has = figures.count > 0;
  cells.push_back(has ? fmt::format("{:.3f}", figures.r_squared) : "-");
  cells.push_back(has ? Percent(figures.accuracy()) : "-");
  return cells;
}

std::string OnRail(const std::string& rail) { return rail.empty() ? "" : " on " + Printable(rail); }

std::string Counted(size_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::vector<TextTable::Column> FigureColumns(const std::string& what) {
  return {{.title = what},  {.title = "sd"},    {.title = "median"},
          {.title = "p90"}, {.title = "worst"}, {.title = "inside"}};
}

// "12.3 mJ" as 12.300, and from where to where it is with 95 %.
std::vector<std::string> EnergyCells(const Prediction& prediction) {
  if (!prediction.is_known) return {"-", "-", "-"};
  const bool has_interval = prediction.high > prediction.low;
  const auto cell = [](double joules) { return fmt::format("{:.4g}", 1e3 * joules); };
  return {cell(prediction.mean), has_interval ? cell(prediction.low) : "-",
          has_interval ? cell(prediction.high) : "-"};
}

// Features beyond the fit, or why there is no prediction, or none that can be.
std::string BeyondText(const Prediction& prediction) {
  std::vector<std::string> beyond = prediction.beyond;
  if (prediction.is_below_zero) beyond.emplace_back("below 0: counts as 0");
  if (prediction.is_known) return Printed(beyond);
  return "not predicted: fitted to no " + Printed(prediction.unknown_classes);
}

std::string NotesText(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += "  " + Printable(note) + "\n";
  return text;
}

const Evaluation* BestOf(const std::vector<Evaluation>& evaluations) {
  const Evaluation* best = nullptr;
  for (const Evaluation& evaluation : evaluations) {
    if (evaluation.of_runs.count == 0) continue;
    if (best == nullptr || evaluation.of_runs.mean < best->of_runs.mean) best = &evaluation;
  }
  return best;
}

std::string NameOf(const FitOptions& options) {
  return options.degree > 1
             ? fmt::format("{} (degree {})", FamilyName(options.family), options.degree)
             : std::string(FamilyName(options.family));
}

// Families side by side, of networks or of operators.
std::string FamiliesText(const std::vector<Evaluation>& evaluations, bool are_networks,
                         size_t width) {
  std::vector<TextTable::Column> columns = {{.title = "family", .align = Align::kLeft}};
  for (TextTable::Column& column : FigureColumns(are_networks ? "networks" : "operators")) {
    columns.push_back(std::move(column));
  }
  columns.insert(columns.end(), {{.title = "R²"}, {.title = "accuracy"}});
  if (are_networks) columns.push_back({.title = "coefficients"});
  TextTable table(std::move(columns));
  for (const Evaluation& evaluation : evaluations) {
    const ErrorFigures& figures = are_networks ? evaluation.of_runs : evaluation.of_operators;
    if (!are_networks && !IsOfOperators(evaluation.options.family)) continue;
    std::vector<std::string> cells = AllFigureCells(figures);
    cells.insert(cells.begin(), NameOf(evaluation.options));
    if (are_networks) cells.push_back(fmt::format("{}", evaluation.complexity));
    table.AddRow(std::move(cells));
  }
  return table.rows() == 0 ? "" : table.Text(width);
}

std::string NetworksText(const Evaluation& evaluation, size_t width) {
  TextTable table({{.title = "network", .align = Align::kLeft},
                   {.title = "measured mJ"},
                   {.title = "predicted"},
                   {.title = "low"},
                   {.title = "high"},
                   {.title = "error %"},
                   {.title = "extrapolates", .align = Align::kLeft}});
  for (const PredictedRow& row : evaluation.runs) {
    std::vector<std::string> cells = {Printable(row.run),
                                      fmt::format("{:.4g}", 1e3 * row.measured_j)};
    for (std::string& cell : EnergyCells(row.prediction)) cells.push_back(std::move(cell));
    cells.push_back(row.prediction.is_known
                        ? fmt::format("{:+.1f}", 100 * (row.prediction.mean / row.measured_j - 1))
                        : "-");
    cells.push_back(BeyondText(row.prediction));
    if (!row.prediction.is_known && row.known_j > 0) {
      cells.back() +=
          fmt::format("; its others: {:+.1f} %", 100 * (row.prediction.mean / row.known_j - 1));
    }
    table.AddRow(std::move(cells));
  }
  return table.Text(width);
}

}  // namespace

std::string ModelText(const EnergyModel& model, size_t width) {
  TextTable table({{.title = "part", .align = Align::kLeft},
                   {.title = "term", .align = Align::kLeft},
                   {.title = "coefficient"},
                   {.title = "± sd", .with_before = false},
                   {.title = "rows"}});
  for (const ModelPart& part : model.parts) {
    std::string name(part.op_class ? OpClassName(*part.op_class) : "all");
    if (part.target != "energy") name += ": " + part.target;
    bool is_first = true;
    for (size_t i = 0; i < part.terms.size(); ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      if (part.coefficients[at] == 0 && part.terms.size() > 8) continue;  // of a Lasso
      const CoefficientError error = model.ErrorOf(part, at);
      table.AddRow(
          {is_first ? Printable(name) : "", Printable(part.terms[i].Text()),
           fmt::format("{:.4g}{}", part.coefficients[at], error.at_bound ? " (bound)" : ""),
           error.sd                       ? fmt::format("{:.2g}", *error.sd)
           : part.coefficients[at] == 0.0 ? "-"
                                          : "not known",
           is_first ? fmt::format("{}", part.rows) : ""});
      is_first = false;
    }
  }
  std::string text = table.Text(width);
  text += fmt::format("{}, fitted to {}{}\n", Counted(model.complexity(), "coefficient"),
                      Counted(model.networks.size(), "network"), OnRail(model.rail));
  if (model.network_log_half > 0) {
    text += fmt::format("whole networks are within a factor of {:.3f} (95 %)\n",
                        std::exp(model.network_log_half));
  }
  return text + NotesText(model.notes);
}

std::string EvaluationsText(const std::vector<Evaluation>& evaluations, const std::string& rail,
                            size_t width) {
  std::string text = fmt::format(
      "errors, in % of what was measured{}, of what was left out of the fit:\n", OnRail(rail));
  text += FamiliesText(evaluations, true, width);
  const std::string operators = FamiliesText(evaluations, false, width);
  if (!operators.empty()) text += "\n" + operators;
  for (const Evaluation& evaluation : evaluations) {
    if (evaluation.by_class.empty()) {
      const std::string notes = NotesText(evaluation.notes);
      if (!notes.empty()) text += fmt::format("\n{}:\n{}", NameOf(evaluation.options), notes);
      continue;
    }
    std::vector<TextTable::Column> of_class = {
        {.title = NameOf(evaluation.options), .align = Align::kLeft}};
    for (TextTable::Column& column : FigureColumns("operators")) {
      of_class.push_back(std::move(column));
    }
    TextTable classes(std::move(of_class));
    for (const auto& [name, figures] : evaluation.by_class) {
      std::vector<std::string> cells = {name};
      for (std::string& cell : FigureCells(figures)) cells.push_back(std::move(cell));
      classes.AddRow(std::move(cells));
    }
    text += "\n" + classes.Text(width) + NotesText(evaluation.notes);
  }
  if (const Evaluation* best = BestOf(evaluations)) {
    text += fmt::format("\nnetworks by {}, the best of these:\n", NameOf(best->options)) +
            NetworksText(*best, width);
  }
  return text;
}

namespace {

// What is known of networks that are not predicted.
std::string UnknownText(const Predictions& predictions) {
  std::string text;
  for (size_t i = 0; i < predictions.runs.size(); ++i) {
    const Prediction& run = predictions.runs[i];
    if (run.is_known) continue;
    text += fmt::format(
        "{} is not predicted: the model was fitted to no operator of the class {}; the others take "
        "{:.4g} mJ\n",
        Printable(predictions.run_names[i]), Printed(run.unknown_classes), 1e3 * run.mean);
  }
  return text;
}

}  // namespace

std::string PredictionsText(const Predictions& predictions, const FeatureTable& table,
                            const std::string& rail, size_t width) {
  std::vector<TextTable::Column> columns = {{.title = "network", .align = Align::kLeft},
                                            {.title = "mJ"},
                                            {.title = "low"},
                                            {.title = "high"},
                                            {.title = "extrapolates", .align = Align::kLeft}};
  TextTable networks(columns);
  for (size_t i = 0; i < predictions.runs.size(); ++i) {
    std::vector<std::string> cells = {Printable(predictions.run_names[i])};
    for (std::string& cell : EnergyCells(predictions.runs[i])) cells.push_back(std::move(cell));
    cells.push_back(BeyondText(predictions.runs[i]));
    networks.AddRow(std::move(cells));
  }
  std::string of_networks = networks.Text(width) + UnknownText(predictions);
  if (!rail.empty()) of_networks += fmt::format("energies{}\n", OnRail(rail));
  if (predictions.runs.size() != 1 || predictions.rows.empty()) return of_networks;
  columns.front().title = "operator";
  columns.insert(columns.begin() + 1, {.title = "type", .align = Align::kLeft});
  TextTable operators(std::move(columns));
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    std::vector<std::string> cells = {Printable(table.layers[i]), Printable(table.types[i])};
    for (std::string& cell : EnergyCells(predictions.rows[i])) cells.push_back(std::move(cell));
    cells.push_back(BeyondText(predictions.rows[i]));
    operators.AddRow(std::move(cells));
  }
  return operators.Text(width) + "\n" + of_networks;
}

}  // namespace synergy
