// What the method least-squares says of a run, as text for people. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "client/analysis/run_report.h"

namespace synergy {

// Cells of the operators' table: millijoules, or the group ("g3") where only that is known; and the
// half-width of the 95 % interval in per cent.
std::string EnergyCell(const RunReport& report, const OpReport& op, size_t rail);
std::string IntervalCell(const OpReport& op, size_t rail);
// As many digits as its interval allows, three decimals without one; "-": not known.
std::string MeanCell(const std::optional<double>& mean, const std::optional<Estimate>& estimate,
                     double factor);
// The half-width in per cent of the mean, two digits; "-" without either.
std::string HalfWidthPercent(const std::optional<Estimate>& e);

// "at least 300 more iterations would tell them apart".
std::string WhatWouldHelp(const GroupEnergy& group);

// Both of all rails, or of one.
// A line per group: what its operators cost together; "" without groups.
std::string TogetherText(const RunReport& report, std::optional<size_t> rail = std::nullopt);

// For each rail: one inference with its interval, how it was found, and whether the books close. ""
// with another method.
std::string EstimatesText(const RunReport& report, std::optional<size_t> rail = std::nullopt);

}  // namespace synergy
