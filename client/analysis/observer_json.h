// What measuring itself cost the board, as JSON (docs/json.md). Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "synergy/v1/records.pb.h"

namespace synergy {

// What a core that computes draws above the board's idle power, from a run's own numbers.
struct BusyCores {
  std::string rail;      // the top one
  double dynamic_w = 0;  // its mean power while operators ran, less its idle power
  uint32_t cores = 1;    // that were busy for it: the job's threads
};

// cpu_s x dynamic_w / cores: as if synergy's instructions cost what the network's do. An estimate,
// and of the CPU alone: bus, disk and network are not in it. Nothing where dynamic_w is not above
// 0.
std::optional<double> ObserverEnergy(const v1::ObserverCost& cost, const BusyCores& busy);

// null where the run's end does not say it. `busy`: nothing: no estimate of joules.
nlohmann::ordered_json ObserverJson(const v1::RunEnd& end,
                                    const std::optional<BusyCores>& busy = std::nullopt);

}  // namespace synergy
