// Models as files: TOML that people can read and programs can check (docs/prediction.md). Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/predict/energy_model.h"

namespace synergy {

inline constexpr int kModelVersion = 2;  // 2: how many parts and ranges there are

// Numbers are written so that they read back as they are.
std::string ModelText(const EnergyModel& model);

// InvalidArgument: what is wrong, and where. `origin`: the file's name.
absl::StatusOr<EnergyModel> ParseModel(std::string_view text, const std::string& origin);

}  // namespace synergy
