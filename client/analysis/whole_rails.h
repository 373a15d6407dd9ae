// Which rails of a run stand for all that its board measures: the one that feeds the others, or
// the parts beside each other, whose energies are added up. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/analysis/run_report.h"

namespace synergy {

// The board's rails that no other contains; where it has none, those of a meter on the host.
std::vector<size_t> RootRails(const RunReport& report);

// The only root, or the first that a wall or a module is fed by. Else all of them where each feeds
// one component; none where that is not known: they may measure the same power twice.
std::vector<size_t> WholeRails(const RunReport& report);

// Fills in RunReport::whole.
void AddWhole(RunReport* report);

// "VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0", "sum of 12 rails".
std::string WholeName(const RunReport& report, const WholeInference& whole);
// For people, where no rail contains the others: which one stands for an operator. "" otherwise.
std::string NoWholeRailText(const RunReport& report);

}  // namespace synergy
