// Fits of 10^5 layers with 60 features: at most 5 s and 500 MB.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "client/predict/part_fit.h"

namespace synergy {
namespace {

constexpr double kMostSeconds = 5;
constexpr double kMostMegabytes = 500;

FeatureTable MakeTable(Eigen::Index rows, int features, std::vector<Term>* terms) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> size(0, 1);
  std::normal_distribution<double> normal;
  constexpr Eigen::Index kLayers = 1000;  // of a network
  FeatureTable table;
  table.energy_j = Eigen::VectorXd::Constant(rows, 1e-3);
  table.energy_sd_j = Eigen::VectorXd::Zero(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    table.networks.push_back(fmt::format("net{}", i / kLayers));
    table.types.emplace_back("Conv");
  }
  table.runs = table.layers = table.networks;
  for (int f = 0; f < features; ++f) {
    Eigen::VectorXd values(rows);
    for (double& value : values) value = size(random);
    table.energy_j += 1e-5 * (f % 7) * values;
    const std::string name = fmt::format("f{}", f);
    terms->push_back(*ParseTerm(name));
    table.Set(name, std::move(values));
  }
  for (double& energy : table.energy_j) energy *= std::exp(0.05 * normal(random));
  return table;
}

double PeakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int Main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: fit_speed_bar ROWS FEATURES\n");
    return 2;
  }
  std::vector<Term> terms;
  const FeatureTable table =
      MakeTable(std::strtol(argv[1], nullptr, 10), std::atoi(argv[2]), &terms);
  const std::vector<std::string> networks = DistinctNames(table.networks);
  bool met = true;
  for (const auto& [name, penalty] : {std::pair("non-negative", std::optional<Penalty>()),
                                      {"Lasso", Penalty::kLasso},
                                      {"ridge", Penalty::kRidge}}) {
    std::vector<std::string> notes;
    const auto begin = std::chrono::steady_clock::now();
    PartPlan plan;
    plan.terms = terms;
    plan.non_negative = !penalty;
    plan.penalty = penalty;
    const auto fit = PartFit::Make(std::move(plan), table, networks, &notes);
    if (!fit.ok()) {
      fmt::print("{}\n", fit.status().ToString());
      return 1;
    }
    for (size_t i = 0; i < networks.size(); ++i) met = fit->Without(i, &notes).has_value() && met;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const bool good = took.count() <= kMostSeconds && PeakMegabytes() <= kMostMegabytes;
    met = met && good;
    fmt::print(
        "{:12} {} rows x {} features, {} networks left out in turns: {:.2f} s, peak {:.0f} MB{}\n",
        name, table.rows(), terms.size(), networks.size(), took.count(), PeakMegabytes(),
        good ? "" : "  NOT MET");
  }
  return met ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) { return synergy::Main(argc, argv); }
