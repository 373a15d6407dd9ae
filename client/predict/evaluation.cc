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
    Fold fold;
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
  for (Fold& fold : folds) {
    std::ranges::sort(fold.test);
    std::ranges::sort(fold.train);
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
  return std::vector<Fold>{FoldOf(
      table, [&](const std::string& n) { return has(lists.train, n); },
      [&](const std::string& n) { return has(lists.test, n); })};
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

absl::Status PredictFold(const FeatureTable& table, const FitOptions& options, const Fold& fold,
                         Evaluation* out) {
  const absl::StatusOr<EnergyModel> model = FitFamily(table.Select(fold.train), options);
  if (!model.ok()) return model.status();
  const FeatureTable test = table.Select(fold.test);
  const absl::StatusOr<Predictions> predicted = Predict(*model, test);
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
  for (const Fold& fold : *folds) {
    if (absl::Status status = PredictFold(rows, options, fold, &out); !status.ok()) return status;
  }
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
