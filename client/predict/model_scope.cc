#include "client/predict/model_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace synergy {
namespace {

// Of a clock: kernels round what they are asked for.
constexpr double kClockSlack = 0.02;

const FeatureRange* RangeOf(const ModelPart& part, std::string_view feature) {
  const auto found = std::ranges::find(part.hull, feature, &FeatureRange::feature);
  return found == part.hull.end() ? nullptr : &*found;
}

void Widen(const FeatureRange& by, std::optional<FeatureRange>* range) {
  if (!*range) {
    *range = by;
    return;
  }
  (*range)->low = std::min((*range)->low, by.low);
  (*range)->high = std::max((*range)->high, by.high);
}

// Of all parts that compute operators of these classes.
std::optional<FeatureRange> RangeOf(const EnergyModel& model, std::string_view feature,
                                    const std::set<OpClass>& classes) {
  std::optional<FeatureRange> all;
  for (const ModelPart& part : model.parts) {
    if (part.op_class && !classes.contains(*part.op_class)) continue;
    if (const FeatureRange* range = RangeOf(part, feature)) Widen(*range, &all);
  }
  return all;
}

bool IsOne(const FeatureRange& range) { return range.high < 1.001 * range.low; }

bool IsIn(const FeatureRange& range, double ghz) {
  const double slack = kClockSlack * ghz;
  return ghz >= range.low - slack && ghz <= range.high + slack;
}

std::string ClocksText(const FeatureRange& range) {
  if (IsOne(range)) return fmt::format("{:.4g} GHz alone", range.low);
  return fmt::format("clocks of {:.4g} to {:.4g} GHz", range.low, range.high);
}

// Classes whose operators ran at fewer clocks than others, and not at this one.
void WarnOfClasses(const EnergyModel& model, const std::set<OpClass>& classes, double ghz,
                   std::vector<std::string>* warnings) {
  for (const OpClass op_class : classes) {
    for (const ModelPart& part : model.parts) {
      const FeatureRange* range = part.op_class == op_class ? RangeOf(part, "frequency") : nullptr;
      if (range == nullptr || IsIn(*range, ghz)) continue;
      warnings->push_back(
          fmt::format("WARNING: the model was fitted to the class {} at {}, not at {:.4g} GHz: "
                      "its operators are extrapolated",
                      OpClassName(op_class), ClocksText(*range), ghz));
      break;
    }
  }
}

void WarnOfClocks(const EnergyModel& model, const AskedScope& asked,
                  std::vector<std::string>* warnings) {
  if (!asked.ghz) return;
  const std::optional<FeatureRange> fitted = RangeOf(model, "frequency", asked.classes);
  if (!fitted) {
    warnings->emplace_back("WARNING: the model knows of no clocks: --freq changes nothing");
    return;
  }
  const bool is_in = IsIn(*fitted, *asked.ghz);
  if (!is_in) {
    warnings->push_back(
        fmt::format("WARNING: the model was fitted at {}, not at {:.4g} GHz: its energies may be "
                    "far off",
                    ClocksText(*fitted), *asked.ghz));
  }
  if (!UsesFeature(model, "frequency") && !(is_in && IsOne(*fitted))) {
    warnings->push_back(
        fmt::format("WARNING: the model, of the family {}, has no clock among its terms: --freq "
                    "changes nothing",
                    FamilyName(model.family)));
  }
  if (is_in) WarnOfClasses(model, asked.classes, *asked.ghz, warnings);
}

constexpr std::string_view kSimulatedTitle = " (simulated)";

// By its name ("sim:jetson-tx1") or its title, with or without what says that it is simulated,
// which predictions say apart.
bool IsBoard(const EnergyModel& model, std::string_view asked) {
  for (const char* const key : {"board", "board_name"}) {
    const auto condition = model.conditions.find(key);
    if (condition == model.conditions.end()) continue;
    std::string_view name = condition->second;
    if (name == asked) return true;
    if (name.starts_with("sim:")) name.remove_prefix(4);
    if (name.ends_with(kSimulatedTitle)) name.remove_suffix(kSimulatedTitle.size());
    if (name == asked) return true;
  }
  return false;
}

void Compare(const EnergyModel& model, const char* what, const std::string& wanted,
             std::vector<std::string>* warnings) {
  const auto fitted = model.conditions.find(what);
  if (wanted.empty()) return;
  if (fitted == model.conditions.end()) {
    warnings->push_back(fmt::format(
        "WARNING: the model does not say for which {} it was fitted, so whether that is '{}' is "
        "not known",
        what, wanted));
    return;
  }
  if (fitted->second == wanted) return;
  warnings->push_back(
      fmt::format("WARNING: the model was fitted for the {} '{}', not for '{}': "
                  "its energies may be far off",
                  what, fitted->second, wanted));
}

}  // namespace

bool UsesFeature(const EnergyModel& model, std::string_view feature) {
  return std::ranges::any_of(model.parts, [&](const ModelPart& part) {
    return std::ranges::any_of(part.terms, [&](const Term& term) {
      return std::ranges::find(term.factors, feature, &Term::Factor::feature) != term.factors.end();
    });
  });
}

std::optional<double> FittedFrequency(const EnergyModel& model, const std::set<OpClass>& classes) {
  const std::optional<FeatureRange> range = RangeOf(model, "frequency", classes);
  if (!range || !IsOne(*range)) return std::nullopt;
  return range->low;
}

std::optional<double> FittedTemperature(const EnergyModel& model) {
  for (const ModelPart& part : model.parts) {
    if (const FeatureRange* range = RangeOf(part, "temperature")) {
      return 0.5 * (range->low + range->high);
    }
  }
  return std::nullopt;
}

std::vector<std::string> WarningsOf(const EnergyModel& model, const AskedScope& asked) {
  std::vector<std::string> warnings;
  if (!IsBoard(model, asked.board)) Compare(model, "board", asked.board, &warnings);
  Compare(model, "engine", asked.engine, &warnings);
  if (asked.threads) Compare(model, "threads", fmt::to_string(*asked.threads), &warnings);
  if (model.conditions.contains("batch")) {
    Compare(model, "batch", fmt::to_string(asked.batch), &warnings);
  }
  if (asked.celsius && !FittedTemperature(model)) {
    warnings.emplace_back(
        "WARNING: the model knows of no temperatures: --temperature changes nothing");
  }
  WarnOfClocks(model, asked, &warnings);
  return warnings;
}

}  // namespace synergy
