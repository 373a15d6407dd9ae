#include "client/models/find_operator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <optional>
#include <vector>

#include "common/nearest_name.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kMostBytes = 200;
// More names like it are counted.
constexpr size_t kMostListed = 8;

std::optional<uint32_t> IndexOf(const std::string& text, size_t operators) {
  uint32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && index < operators ? std::optional(index) : std::nullopt;
}

absl::Status NoSuchOperator(const Model& model, const std::string& text) {
  std::vector<std::string> names, near;
  for (const Layer& layer : model.layers) {
    names.push_back(layer.name);
    // People remember a part of the name.
    if (!text.empty() && layer.name.find(text) != std::string::npos) near.push_back(layer.name);
  }
  if (near.empty()) {
    if (std::string nearest = NearestName(text, names); !nearest.empty()) near.push_back(nearest);
  }
  if (near.size() > kMostListed) {
    const size_t more = near.size() - kMostListed;
    near.resize(kMostListed);
    near.push_back(fmt::format("{} more", more));
  }
  return absl::NotFoundError(fmt::format(
      "{}: {} has no such operator{}; it has {}, by name or by index (0 to {}): synergyctl models "
      "show lists them for networks of the zoo",
      Printable(text, kMostBytes), model.name,
      near.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(near, ", ")), names.size(),
      names.size() - 1));
}

}  // namespace

absl::StatusOr<uint32_t> FindOperator(const Model& model, const std::string& text) {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < model.layers.size(); ++i) {
    if (model.layers[i].name == text) found.push_back(i);
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} has {} operators of that name; give an index: {}",
                    Printable(text, kMostBytes), model.name, found.size(), fmt::join(found, ", ")));
  }
  if (const std::optional<uint32_t> index = IndexOf(text, model.layers.size())) return *index;
  return NoSuchOperator(model, text);
}

}  // namespace synergy
