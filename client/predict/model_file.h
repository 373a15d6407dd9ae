// Models as files: TOML that people can read and programs can check (docs/prediction.md). Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/predict/energy_model.h"

namespace synergy {

// 2: how many parts and ranges there are. 3: kernel, stride and groups are what the operators'
// arguments say, of pools, too; intensity; the board's name. 4: how features lie together.
inline constexpr int kModelVersion = 4;

// Numbers are written so that they read back as they are.
std::string ModelText(const EnergyModel& model);

// InvalidArgument: what is wrong, and where; also of a version before 3 whose terms have features
// that were something else then. `origin`: the file's name.
absl::StatusOr<EnergyModel> ParseModel(std::string_view text, const std::string& origin);

}  // namespace synergy
