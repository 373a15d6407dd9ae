#include "common/frequency.h"

#include <algorithm>
#include <cctype>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr int64_t kMostKhz = 1'000'000'000;  // 1 THz, so that no step below can overflow

struct Unit {
  std::string_view name;
  int decimals;  // a unit is 10^decimals kHz
};
constexpr Unit kUnits[] = {{"khz", 0}, {"mhz", 3}, {"ghz", 6}};

absl::Status Malformed(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no frequency: {}; write it like 1224MHz, 614.4MHz, 1.2GHz or "
                  "1224000kHz",
                  text, why));
}

// 0 where `digits` holds none; -1 where it holds anything else or too many.
int64_t ParseDigits(std::string_view digits) {
  if (digits.empty()) return 0;
  if (digits.size() > 10) return -1;
  int64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    value = 10 * value + (c - '0');
  }
  return value;
}

}  // namespace

absl::StatusOr<Frequency> ParseFrequency(std::string_view text) {
  const size_t number_end = text.find_first_not_of("0123456789.");
  const std::string_view number = text.substr(0, number_end);
  std::string unit_name(number_end == std::string_view::npos ? "" : text.substr(number_end));
  if (unit_name.starts_with(' ')) unit_name.erase(0, 1);
  std::ranges::transform(unit_name, unit_name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (number.empty() || number == ".") return Malformed(text, "it does not begin with a number");
  if (unit_name.empty()) return Malformed(text, "it has no unit");
  const auto* unit = std::ranges::find(kUnits, unit_name, &Unit::name);
  if (unit == std::end(kUnits)) {
    return Malformed(text, fmt::format("\"{}\" is no unit of frequencies", unit_name));
  }
  const size_t point = number.find('.');
  const int64_t whole = ParseDigits(number.substr(0, point));
  std::string decimals(point == std::string_view::npos ? "" : number.substr(point + 1));
  decimals.erase(decimals.find_last_not_of('0') + 1);
  if (decimals.find('.') != std::string::npos) return Malformed(text, "it has two points");
  if (decimals.size() > static_cast<size_t>(unit->decimals)) {
    return Malformed(text, "it is no whole number of kilohertz");
  }
  decimals.resize(static_cast<size_t>(unit->decimals), '0');
  int64_t scale = 1;
  for (int i = 0; i < unit->decimals; ++i) scale *= 10;
  if (whole < 0 || whole > kMostKhz / scale) return Malformed(text, "it is above 1 THz");
  const Frequency frequency{whole * scale + ParseDigits(decimals)};
  if (frequency.khz == 0) return Malformed(text, "it is 0");
  if (frequency.khz > kMostKhz) return Malformed(text, "it is above 1 THz");
  return frequency;
}

std::string FormatFrequency(Frequency frequency) {
  std::string text = fmt::format("{}.{:03}", frequency.khz / 1000, frequency.khz % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text + "MHz";
}

}  // namespace synergy
