#include "common/exec_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/printable.h"

namespace synergy {
namespace {

constexpr size_t kMaxRailBytes = 64;

absl::Status Bad(std::string_view line, std::string_view what) {
  return absl::DataLossError(
      fmt::format("the line \"{}\" {}; expected is t_ns,rail,watts", Printable(line, 80), what));
}

template <typename Number>
bool ParseWhole(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

absl::StatusOr<ExecLine> ParseExecLineUntrusted(std::string_view line) {
  if (line.size() > kMaxExecLineBytes) return Bad(line, "is too long");
  const size_t first = line.find(',');
  const size_t second = line.find(',', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return Bad(line, "has fewer than three fields");
  ExecLine parsed;
  if (!ParseWhole(line.substr(0, first), &parsed.t_ns) || parsed.t_ns < 0) {
    return Bad(line, "does not begin with a time in nanoseconds");
  }
  const std::string_view rail = line.substr(first + 1, second - first - 1);
  const bool printable = std::ranges::all_of(rail, [](char c) { return c > ' ' && c <= '~'; });
  if (rail.empty() || rail.size() > kMaxRailBytes || !printable) {
    return Bad(line, "names no rail");
  }
  parsed.rail = rail;
  if (!ParseWhole(line.substr(second + 1), &parsed.watts) || !std::isfinite(parsed.watts) ||
      std::abs(parsed.watts) > kMaxExecWatts) {
    return Bad(line, "has no power that could be");
  }
  return parsed;
}

std::vector<std::string> LineSplitter::Add(std::string_view bytes) {
  std::vector<std::string> lines;
  for (const char c : bytes) {
    if (c == '\n') {
      if (line_.ends_with('\r')) line_.pop_back();
      lines.push_back(std::move(line_));
      line_.clear();
    } else if (line_.size() <= kMaxExecLineBytes) {
      line_.push_back(c);
    }
  }
  return lines;
}

}  // namespace synergy
