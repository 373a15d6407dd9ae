#include "client/models/zoo.h"

#include <string>

#include "absl/status/status.h"
#include "client/models/zoo_entries.h"
#include "common/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
const std::vector<ZooEntry>& Zoo() {
  static const auto* const zoo = new std::vector<ZooEntry>(MakeZooEntries());
  return *zoo;
}

absl::StatusOr<const ZooEntry*> FindModel(std::string_view name) {
  std::vector<std::string> names;
  for (const ZooEntry& entry : Zoo()) {
    if (entry.name == name) return &entry;
    names.emplace_back(entry.name);
  }
  const std::string nearest = NearestName(name, names);
  return absl::NotFoundError(
      fmt::format("find network '{}': no network has this name{} There are: {}", name.substr(0, 64),
                  nearest.empty() ? "." : fmt::format("; did you mean '{}'?", nearest),
                  fmt::join(names, ", ")));
}

int64_t CountMacs(const Model& model, MacScope scope) {
  if (scope == MacScope::kAll) return model.total.macs;
  auto conv = model.macs_by_type.find("Conv");
  return conv == model.macs_by_type.end() ? 0 : conv->second;
}

}  // namespace synergy
