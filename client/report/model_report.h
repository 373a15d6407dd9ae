// Networks as tables for people and as JSON for programs (docs/json.md): what they are, what they
// cost and what was published of them. For one image. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/models/model.h"
#include "client/models/zoo.h"

namespace synergy {

struct ZooModel {
  const ZooEntry* entry = nullptr;
  Model model;
};

// A row per network. Columns that would make the lines longer than `columns` are left out, those
// that matter least first; 0: none.
std::string ModelsText(const std::vector<ZooModel>& models, size_t columns);
nlohmann::ordered_json ModelsJson(const std::vector<ZooModel>& models);

// A row per operator, then one per operator type.
std::string ModelText(const ZooModel& zoo_model);
nlohmann::ordered_json ModelJson(const ZooModel& zoo_model);

}  // namespace synergy
