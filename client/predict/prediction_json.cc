#include "client/predict/prediction_json.h"

#include <string>

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json PredictionJson(const Prediction& prediction) {
  ordered_json json;
  json["mean"] = nullptr;
  json["interval95"] = nullptr;
  if (prediction.is_known) {
    json["mean"] = prediction.mean;
    if (prediction.high > prediction.low) {
      json["interval95"] = {prediction.low, prediction.high};
    }
    if (prediction.is_below_zero) json["below_zero"] = true;
  }
  return json;
}

// Classes of operators that the model was fitted to none of, and what the others of a network take.
void AddUnknown(const Prediction& prediction, bool is_network, ordered_json* json) {
  if (prediction.is_known) return;
  (*json)["not_predicted"] = prediction.unknown_classes;
  if (is_network) (*json)["others_j"] = prediction.mean;
}

ordered_json FiguresJson(const ErrorFigures& figures) {
  ordered_json json;
  json["count"] = figures.count;
  json["unknown"] = figures.unknown;
  if (figures.count == 0) return json;
  json["mean"] = figures.mean;
  json["sd"] = figures.sd;
  json["median"] = figures.median;
  json["p90"] = figures.p90;
  json["worst"] = figures.worst;
  json["r_squared"] = figures.r_squared;
  json["accuracy"] = figures.accuracy();
  json["with_interval"] = figures.with_interval;
  json["inside"] = figures.inside;
  json["below_zero"] = figures.below_zero;
  json["extrapolated"] = figures.beyond;
  return json;
}

ordered_json RowJson(const PredictedRow& row) {
  ordered_json json;
  json["network"] = row.network;
  json["run"] = row.run;
  if (!row.layer.empty() || row.type != "network") {
    json["layer"] = row.layer;
    json["type"] = row.type;
  }
  json["measured_j"] = row.measured_j;
  json["predicted_j"] = PredictionJson(row.prediction);
  json["extrapolates"] = row.prediction.beyond;
  const bool is_network = row.type == "network" && row.layer.empty();
  AddUnknown(row.prediction, is_network, &json);
  if (is_network && !row.prediction.is_known) json["others_measured_j"] = row.known_j;
  return json;
}

}  // namespace

ordered_json ModelJson(const EnergyModel& model) {
  ordered_json json;
  json["family"] = FamilyName(model.family);
  json["degree"] = model.degree;
  json["rail"] = model.rail;
  json["complexity"] = model.complexity();
  json["conditions"] = model.conditions;
  json["networks"] = model.networks;
  json["runs"] = model.runs;
  json["notes"] = model.notes;
  json["parts"] = ordered_json::array();
  for (const ModelPart& part : model.parts) {
    ordered_json of_part;
    of_part["target"] = part.target;
    of_part["class"] = part.op_class ? ordered_json(OpClassName(*part.op_class)) : nullptr;
    of_part["rows"] = part.rows;
    of_part["terms"] = ordered_json::array();
    for (size_t i = 0; i < part.terms.size(); ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      const CoefficientError error = model.ErrorOf(part, at);
      of_part["terms"].push_back(
          {{"term", part.terms[i].Text()},
           {"coefficient", part.coefficients[at]},
           {"standard_error", error.sd ? ordered_json(*error.sd) : ordered_json(nullptr)},
           {"at_bound", error.at_bound}});
    }
    json["parts"].push_back(std::move(of_part));
  }
  return json;
}

ordered_json EvaluationJson(const Evaluation& evaluation) {
  ordered_json json;
  json["family"] = FamilyName(evaluation.options.family);
  json["degree"] = evaluation.options.degree;
  json["complexity"] = evaluation.complexity;
  json["networks"] = FiguresJson(evaluation.of_runs);
  json["operators"] = FiguresJson(evaluation.of_operators);
  json["by_class"] = ordered_json::object();
  for (const auto& [name, figures] : evaluation.by_class) {
    json["by_class"][name] = FiguresJson(figures);
  }
  for (const auto& [key, rows] : {std::pair("network_rows", &evaluation.runs),
                                  std::pair("operator_rows", &evaluation.operators)}) {
    json[key] = ordered_json::array();
    for (const PredictedRow& row : *rows) json[key].push_back(RowJson(row));
  }
  json["notes"] = evaluation.notes;
  return json;
}

ordered_json PredictionsJson(const Predictions& predictions, const FeatureTable& table) {
  ordered_json networks = ordered_json::array();
  for (size_t i = 0; i < predictions.runs.size(); ++i) {
    ordered_json network;
    network["network"] = predictions.run_names[i];
    network["energy_j"] = PredictionJson(predictions.runs[i]);
    network["extrapolates"] = predictions.runs[i].beyond;
    AddUnknown(predictions.runs[i], true, &network);
    network["ops"] = ordered_json::array();
    for (size_t k = 0; k < predictions.rows.size(); ++k) {
      if (table.runs[k] != predictions.run_names[i]) continue;
      ordered_json op = {{"name", table.layers[k]},
                         {"type", table.types[k]},
                         {"energy_j", PredictionJson(predictions.rows[k])},
                         {"extrapolates", predictions.rows[k].beyond}};
      AddUnknown(predictions.rows[k], false, &op);
      network["ops"].push_back(std::move(op));
    }
    networks.push_back(std::move(network));
  }
  return networks;
}

}  // namespace synergy
