#include "common/named_limits.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "common/nearest_name.h"
#include "common/printable.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

std::string ValueText(const NamedLimit& limit, double value) {
  return limit.share ? fmt::format("{:g}%", 100 * value) : fmt::format("{:g}", value);
}

absl::Status UnknownLimit(const std::string& name, std::span<const NamedLimit> limits) {
  std::vector<std::string> all;
  std::vector<std::string> names;
  for (const NamedLimit& limit : limits) {
    all.push_back(LimitText(limit));
    names.emplace_back(limit.name);
  }
  const std::string nearest = NearestName(name, names);
  return absl::InvalidArgumentError(fmt::format(
      "there is no limit '{}'{}; give NAME=VALUE, of {}", Printable(name, 64),
      nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest), fmt::join(all, ", ")));
}

}  // namespace

absl::Status SetLimit(const std::string& text, std::span<const NamedLimit> limits) {
  const size_t equals = std::min(text.find('='), text.size());
  const std::string name = text.substr(0, equals);
  const auto limit = std::ranges::find(limits, name, &NamedLimit::name);
  if (limit == limits.end()) return UnknownLimit(name, limits);
  std::string_view number = text;
  number.remove_prefix(std::min(equals + 1, text.size()));
  const bool percent = limit->share && number.ends_with('%');
  if (percent) number.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool whole = error == std::errc() && end == number.data() + number.size();
  if (percent) value /= 100;
  if (!whole || !(value >= 0 && value <= limit->highest)) {
    return absl::InvalidArgumentError(fmt::format("{}: give a number from {} to {}", name,
                                                  ValueText(*limit, 0),
                                                  ValueText(*limit, limit->highest)));
  }
  *limit->value = value;
  return absl::OkStatus();
}

std::string LimitText(const NamedLimit& limit) {
  return fmt::format("{}={}", limit.name, ValueText(limit, *limit.value));
}

}  // namespace synergy
