#include "client/predict/left_out.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

namespace synergy {
namespace {

using Eigen::Index;

// Which parts of the model an operator's interval could be of.
std::vector<size_t> PartsOf(const EnergyModel& model, OpClass op_class) {
  std::vector<size_t> parts;
  for (size_t i = 0; i < model.parts.size(); ++i) {
    const ModelPart& part = model.parts[i];
    if (part.op_class ? *part.op_class == op_class : part.target == "energy") parts.push_back(i);
  }
  return parts;
}

// `rest`: the model without the network.
void AddLeftOut(const EnergyModel& model, const EnergyModel& rest, const FeatureTable& rows,
                size_t network, LeftOut* left_out) {
  const absl::StatusOr<Predictions> predicted = Predict(rest, rows);
  if (!predicted.ok()) return;
  const FeatureTable networks = rows.ByRun();
  for (size_t i = 0; i < predicted->runs.size(); ++i) {
    const Prediction& run = predicted->runs[i];
    if (!run.is_known || !(run.mean > 0)) {
      left_out->not_predicted.insert(model.networks[network]);
      continue;
    }
    const double ratio = std::log(networks.energy_j[static_cast<Index>(i)] / run.mean);
    left_out->of_networks.push_back({network, ratio});
    if (predicted->rows.empty()) left_out->ratios.back().push_back({network, ratio});
  }
  const std::vector<OpClass> classes = ClassesOf(rows.types);
  for (size_t i = 0; i < predicted->rows.size(); ++i) {
    const Prediction& row = predicted->rows[i];
    if (!row.is_known) continue;
    if (!(row.mean > 0)) {
      ++left_out->without_ratio[classes[i]];
      continue;
    }
    const double ratio = std::log(rows.energy_j[static_cast<Index>(i)] / row.mean);
    for (const size_t part : PartsOf(model, classes[i])) {
      left_out->ratios[part].push_back({network, ratio});
    }
  }
}

// Whether all networks are predicted as they were measured, but for rounding.
bool IsExact(const LeftOut& left_out) {
  constexpr double kRounding = 1e-9;
  const auto is_rounding = [](const LogRatio& ratio) { return std::abs(ratio.value) < kRounding; };
  return !left_out.of_networks.empty() && std::ranges::all_of(left_out.of_networks, is_rounding);
}

// Why no interval of a network is known.
std::string WhyNoInterval(const LeftOut& left_out) {
  std::set<size_t> networks;
  for (const LogRatio& ratio : left_out.of_networks) networks.insert(ratio.network);
  if (networks.size() < 2) {
    return "no intervals: fewer than two networks can be left out and predicted";
  }
  if (IsExact(left_out)) {
    return "no intervals: networks that are left out are predicted exactly, which does not say how "
           "far off others are";
  }
  return "no intervals: networks that are left out are predicted too badly to say how far off "
         "others are";
}

}  // namespace

LeftOut LeaveOut(const EnergyModel& model, const std::vector<PartFit>& fits,
                 const FeatureTable& table) {
  LeftOut left_out;
  left_out.ratios.resize(fits.size());
  left_out.fewer_terms.resize(fits.size());
  std::map<std::string_view, std::vector<Index>> rows_of;
  for (Index i = 0; i < table.rows(); ++i) {
    rows_of[table.networks[static_cast<size_t>(i)]].push_back(i);
  }
  for (size_t network = 0; network < model.networks.size(); ++network) {
    EnergyModel rest;
    rest.family = model.family;
    for (size_t i = 0; i < fits.size(); ++i) {
      std::vector<std::string> fewer;
      if (std::optional<ModelPart> part = fits[i].Without(network, &fewer)) {
        rest.parts.push_back(*std::move(part));
      }
      if (fewer.empty()) continue;
      left_out.fewer_terms[i].push_back(
          fmt::format("without {} {}", model.networks[network], fmt::join(fewer, ", ")));
    }
    // Of operators of a class that it alone has nothing is known without it.
    if (rest.parts.size() < fits.size() && !IsOfOperators(model.family)) continue;
    AddLeftOut(model, rest, table.Select(rows_of.at(model.networks[network])), network, &left_out);
  }
  return left_out;
}

void SetIntervals(const LeftOut& left_out, EnergyModel* model) {
  if (IsExact(left_out)) return;
  for (size_t i = 0; i < model->parts.size(); ++i) {
    ModelPart& part = model->parts[i];
    // A class that has the interval of all keeps it.
    if (part.target != "energy" && left_out.ratios[i].size() < kRowsOfShares) continue;
    const RatioRange range = RatioRange95(left_out.ratios[i]).value_or(RatioRange{});
    part.ratio_low = range.low;
    part.ratio_high = range.high;
  }
  model->network_log_half = LogHalf95(left_out.of_networks).value_or(0);
}

void NoteLeftOut(const LeftOut& left_out, EnergyModel* model) {
  for (size_t i = 0; i < model->parts.size(); ++i) {
    const ModelPart& part = model->parts[i];
    if (left_out.fewer_terms[i].empty()) continue;
    const std::string of = part.op_class ? fmt::format("{}: ", OpClassName(*part.op_class)) : "";
    model->notes.push_back(fmt::format("{}left out, too, where a network is: {}", of,
                                       fmt::join(left_out.fewer_terms[i], "; ")));
  }
  if (!left_out.not_predicted.empty() && !left_out.of_networks.empty()) {
    model->notes.push_back(
        fmt::format("the interval of networks does not tell of {}, which the others cannot predict",
                    fmt::join(left_out.not_predicted, ", ")));
  }
  for (const auto& [op_class, count] : left_out.without_ratio) {
    model->notes.push_back(
        fmt::format("{}: without their network {} operators are predicted at 0 J or less, which "
                    "the interval does not tell of",
                    OpClassName(op_class), count));
  }
  if (!(model->network_log_half > 0)) model->notes.push_back(WhyNoInterval(left_out));
}

}  // namespace synergy
