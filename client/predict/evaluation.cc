#include "client/predict/evaluation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;

struct Fold {
  std::vector<Index> train, test;
  std::string out;  // what is left out of it; empty: a network, of which the model's notes tell
};

// Rows of networks for which `is_test` holds are tested, those for which `is_train` does trained
// on.
template <typename IsTrain, typename IsTest>
Fold FoldOf(const FeatureTable& table, IsTrain is_train, IsTest is_test) {
  Fold fold;
  for (Index i = 0; i < table.rows(); ++i) {
    const std::string& network = table.networks[static_cast<size_t>(i)];
    if (is_train(network)) fold.train.push_back(i);
    if (is_test(network)) fold.test.push_back(i);
  }
  return fold;
}

absl::StatusOr<std::vector<Fold>> FoldsOf(const FeatureTable& table, const LeaveOneNetworkOut&) {
  const std::vector<std::string> networks = DistinctNames(table.networks);
  if (networks.size() < 2) {
    return absl::InvalidArgumentError(
        "leaving one network out needs at least two networks; --k-fold leaves out rows");
  }
  std::vector<Fold> folds;
  for (const std::string& out : networks) {
    folds.push_back(FoldOf(
        table, [&](const std::string& n) { return n != out; },
        [&](const std::string& n) { return n == out; }));
  }
  return folds;
}

absl::StatusOr<std::vector<Fold>> FoldsOf(const FeatureTable& table,
                                          const LeaveOneArchitectureOut&) {
  std::vector<std::string> of_row = table.architectures;
  if (of_row.empty()) {
    for (const std::string& network : table.networks) {
      of_row.push_back(ArchitectureOfName(network));
    }
  }
  const std::vector<std::string> architectures = DistinctNames(of_row);
  if (architectures.size() < 2) {
    return absl::InvalidArgumentError(
        fmt::format("leaving one architecture out needs at least two, and all networks are of '{}'",
                    fmt::join(architectures, "")));
  }
  std::vector<Fold> folds;
  for (const std::string& out : architectures) {
    Fold fold{.train = {}, .test = {}, .out = out};
    for (size_t i = 0; i < of_row.size(); ++i) {
      (of_row[i] == out ? fold.test : fold.train).push_back(static_cast<Index>(i));
    }
    folds.push_back(std::move(fold));
  }
  return folds;
}

absl::StatusOr<std::vector<Fold>> FoldsOf(const FeatureTable& table, const KFold& k_fold) {
  if (k_fold.folds < 2 || k_fold.folds > table.rows()) {
    return absl::InvalidArgumentError(
        fmt::format("{} folds of {} rows: there must be at least two, and a row in each",
                    k_fold.folds, table.rows()));
  }
  std::vector<Index> order(static_cast<size_t>(table.rows()));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  // Fisher and Yates': std::shuffle draws otherwise from library to library.
  std::mt19937_64 random(k_fold.seed);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  const auto count = static_cast<size_t>(k_fold.folds);
  std::vector<Fold> folds(count);
  for (size_t i = 0; i < order.size(); ++i) {
    for (size_t f = 0; f < count; ++f) {
      (i % count == f ? folds[f].test : folds[f].train).push_back(order[i]);
    }
  }
  for (size_t f = 0; f < count; ++f) {
    std::ranges::sort(folds[f].test);
    std::ranges::sort(folds[f].train);
    folds[f].out = fmt::format("part {} of {}", f + 1, count);
  }
  return folds;
}

absl::StatusOr<std::vector<Fold>> FoldsOf(const FeatureTable& table, const TrainTest& lists) {
  const std::vector<std::string> networks = DistinctNames(table.networks);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  };
  for (const auto* list : {&lists.train, &lists.test}) {
    for (const std::string& name : *list) {
      if (!has(networks, name)) {
        return absl::InvalidArgumentError(
            fmt::format("there is no network '{}' in the rows", name));
      }
    }
  }
  for (const std::string& name : lists.test) {
    if (has(lists.train, name)) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is both trained on and tested, which tests nothing", name));
    }
  }
  std::vector<Fold> folds = {FoldOf(
      table, [&](const std::string& n) { return has(lists.train, n); },
      [&](const std::string& n) { return has(lists.test, n); })};
  folds.front().out = "what is tested";
  return folds;
}

double QuantileOf(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

ErrorFigures FiguresOf(std::vector<const PredictedRow*> rows) {
  ErrorFigures out;
  out.unknown =
      std::erase_if(rows, [](const PredictedRow* row) { return !row->prediction.is_known; });
  out.count = rows.size();
  if (rows.empty()) return out;
  std::vector<double> errors;
  double measured = 0, squares = 0, left = 0;
  for (const PredictedRow* row : rows) measured += row->measured_j / static_cast<double>(out.count);
  for (const PredictedRow* row : rows) {
    const double off = row->prediction.mean - row->measured_j;
    errors.push_back(std::abs(off) / row->measured_j);
    squares += std::pow(row->measured_j - measured, 2);
    left += off * off;
    out.mean += errors.back() / static_cast<double>(out.count);
    const bool has_interval = row->prediction.high > row->prediction.low;
    out.with_interval += has_interval ? 1 : 0;
    out.inside += has_interval && row->measured_j >= row->prediction.low &&
                  row->measured_j <= row->prediction.high;
    out.below_zero += row->prediction.is_below_zero ? 1 : 0;
    out.beyond += row->prediction.beyond.empty() ? 0 : 1;
  }
  double spread = 0;
  for (const double error : errors) spread += std::pow(error - out.mean, 2);
  out.sd = out.count > 1 ? std::sqrt(spread / static_cast<double>(out.count - 1)) : 0;
  std::ranges::sort(errors);
  out.median = QuantileOf(errors, 0.5);
  out.p90 = QuantileOf(errors, 0.9);
  out.worst = errors.back();
  out.r_squared = squares > 0 ? 1 - left / squares : 0;
  return out;
}

std::vector<const PredictedRow*> PointersTo(const std::vector<PredictedRow>& rows) {
  std::vector<const PredictedRow*> pointers;
  for (const PredictedRow& row : rows) pointers.push_back(&row);
  return pointers;
}

// Terms that count, and that the rows of a fold do not tell from others.
std::vector<std::string> FewerTerms(const ModelPart& all, const EnergyModel& of_fold) {
  std::vector<std::string> fewer;
  for (const ModelPart& part : of_fold.parts) {
    if (part.target != all.target || part.op_class != all.op_class) continue;
    for (size_t i = 0; i < all.terms.size(); ++i) {
      if (all.coefficients[static_cast<Index>(i)] == 0) continue;
      if (std::ranges::find(part.terms, all.terms[i]) == part.terms.end()) {
        fewer.push_back(fmt::format("'{}'", all.terms[i].Text()));
      }
    }
  }
  return fewer;
}

// `models`: of the folds.
void NoteFewerTerms(const EnergyModel& all, const std::vector<Fold>& folds,
                    const std::vector<EnergyModel>& models, Evaluation* out) {
  for (const ModelPart& part : all.parts) {
    std::vector<std::string> of_folds;
    for (size_t f = 0; f < folds.size(); ++f) {
      const std::vector<std::string> fewer = FewerTerms(part, models[f]);
      if (fewer.empty() || folds[f].out.empty()) continue;
      of_folds.push_back(fmt::format("without {} {}", folds[f].out, fmt::join(fewer, ", ")));
    }
    if (of_folds.empty()) continue;
    const std::string of = part.op_class ? fmt::format("{}: ", OpClassName(*part.op_class)) : "";
    out->notes.push_back(
        fmt::format("{}left out, too, of these rows: {}", of, fmt::join(of_folds, "; ")));
  }
}

absl::Status PredictFold(const FeatureTable& table, const EnergyModel& model, const Fold& fold,
                         Evaluation* out) {
  const FeatureTable test = table.Select(fold.test);
  const absl::StatusOr<Predictions> predicted = Predict(model, test);
  if (!predicted.ok()) return predicted.status();
  std::map<std::string_view, double> known_j;
  for (size_t i = 0; i < predicted->rows.size(); ++i) {
    if (predicted->rows[i].is_known) {
      known_j[test.runs[i]] += test.energy_j[static_cast<Index>(i)];
    } else {
      out->notes.push_back(fmt::format("{} {}: nothing like it was left to fit to",
                                       test.networks[i], test.layers[i]));
    }
    out->operators.push_back({test.networks[i], test.runs[i], test.layers[i], test.types[i],
                              test.energy_j[static_cast<Index>(i)], predicted->rows[i], 0});
  }
  const FeatureTable runs = test.ByRun();
  for (size_t i = 0; i < predicted->runs.size(); ++i) {
    out->runs.push_back({runs.networks[i], runs.runs[i], "", "network",
                         runs.energy_j[static_cast<Index>(i)], predicted->runs[i],
                         known_j[runs.runs[i]]});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Evaluation> Evaluate(const FeatureTable& table, const FitOptions& options,
                                    const Split& split) {
  // A network's rows may lie in several folds: families of whole networks see the networks as rows.
  const bool by_row = std::holds_alternative<KFold>(split);
  Evaluation out;
  out.options = options;
  const FeatureTable known = RowsFor(options, table, &out.notes);
  if (known.rows() == 0) return FitFamily(table, options).status();
  const FeatureTable rows = by_row && !IsOfOperators(options.family) ? known.ByRun() : known;
  const auto folds = std::visit([&](const auto& how) { return FoldsOf(rows, how); }, split);
  if (!folds.ok()) return folds.status();
  const absl::StatusOr<EnergyModel> all = FitFamily(rows, options);
  if (!all.ok()) return all.status();
  out.complexity = all->complexity();
  out.notes.insert(out.notes.end(), all->notes.begin(), all->notes.end());
  std::vector<EnergyModel> models;
  for (const Fold& fold : *folds) {
    absl::StatusOr<EnergyModel> model = FitFamily(rows.Select(fold.train), options);
    if (!model.ok()) return model.status();
    models.push_back(*std::move(model));
    const absl::Status status = PredictFold(rows, models.back(), fold, &out);
    if (!status.ok()) return status;
  }
  NoteFewerTerms(*all, *folds, models, &out);
  if (by_row && IsOfOperators(options.family)) out.runs.clear();  // of parts of networks
  std::map<std::string, std::vector<const PredictedRow*>> classes;
  for (const PredictedRow& row : out.operators) {
    classes[std::string(OpClassName(ClassOfType(row.type)))].push_back(&row);
  }
  for (auto& [name, members] : classes) out.by_class[name] = FiguresOf(std::move(members));
  out.of_operators = FiguresOf(PointersTo(out.operators));
  out.of_runs = FiguresOf(PointersTo(out.runs));
  return out;
}

}  // namespace synergy
