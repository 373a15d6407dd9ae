// Which operator of a network somebody means. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/models/model.h"

namespace synergy {

// By its name, or its index from 0 on; a name goes first. NotFound with names like it where there
// is none, InvalidArgument where several have the name.
absl::StatusOr<uint32_t> FindOperator(const Model& model, const std::string& text);

}  // namespace synergy
