#include "common/precision_request.h"

#include <algorithm>
#include <cmath>

#include "common/nearest_name.h"
#include "common/printable.h"
#include "common/spec_validation.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

constexpr int kMostRails = 64;
constexpr size_t kMaxNameBytes = 200;

template <typename... T>
absl::Status Invalid(fmt::format_string<T...> format, T&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...));
}

absl::Status ValidateLoop(const v1::LoopedOperator& loop) {
  if (loop.seconds() > 0 && loop.seconds() <= kLongestLoopS) return absl::OkStatus();
  return Invalid("loop.seconds: {} given; above 0 and up to {:g} s", loop.seconds(), kLongestLoopS);
}

// Whether it can be said when the channel's readings were taken: common/attribution/rail_fit.h, and
// counter_updates.h of counters.
bool KnowsItsWindow(const v1::ChannelInfo& channel) {
  const v1::Window& window = channel.window();
  if (channel.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER) {
    return window.period_s() > 0 && window.average() <= 1;
  }
  return window.stamps_are_window() || (window.slot_s() > 0 && window.period_s() > 0);
}

// Why operators can never be told apart on the rail; "": they may be.
std::string WhyNever(const v1::BoardInfo& board, const std::string& rail) {
  bool power = false, current = false, voltage = false, known = false;
  for (const v1::SourceInfo& source : board.sources()) {
    for (const v1::ChannelInfo& channel : source.channels()) {
      if (channel.rail() != rail) continue;
      power |= channel.quantity() == v1::ChannelInfo::QUANTITY_POWER ||
               channel.quantity() == v1::ChannelInfo::QUANTITY_ENERGY_COUNTER;
      current |= channel.quantity() == v1::ChannelInfo::QUANTITY_CURRENT;
      const bool is_voltage = channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE;
      voltage |= is_voltage;
      known |= !is_voltage && KnowsItsWindow(channel);
    }
  }
  if (!power && !(current && voltage)) return "its sensor gives neither power, current nor energy";
  return known ? "" : "it is not known which span of time its readings integrate";
}

absl::Status NoSuchRail(const std::string& rail, const v1::BoardInfo& board) {
  std::vector<std::string> names;
  for (const v1::RailInfo& info : board.rails()) names.push_back(info.name());
  const std::string nearest = NearestName(rail, names);
  return Invalid(
      "precision_rails: {} has no rail '{}'{}; it has {}", board.name(), Printable(rail, 64),
      nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest), fmt::join(names, ", "));
}

absl::Status CannotTell(const std::string& rail, const std::string& why,
                        const v1::BoardInfo& board) {
  std::vector<std::string> others;
  for (const v1::RailInfo& info : board.rails()) {
    if (WhyNever(board, info.name()).empty()) others.push_back(info.name());
  }
  return absl::FailedPreconditionError(fmt::format(
      "precision: operators cannot be told apart on {}, however long it is measured: {}; {}", rail,
      why,
      others.empty() ? "measure a number of iterations instead: the whole network is known"
                     : fmt::format("they may be on {}", fmt::join(others, ", "))));
}

}  // namespace

absl::Status ValidatePrecisionUntrusted(const v1::JobSpec& spec) {
  if (spec.has_loop()) {
    if (absl::Status loop = ValidateLoop(spec.loop()); !loop.ok()) return loop;
  }
  const double precision = spec.precision(), max_s = spec.max_time_s();
  if (precision == 0) {
    if (max_s == 0 && spec.precision_rails().empty()) return absl::OkStatus();
    return Invalid("{}: it goes with a precision, and none is given",
                   max_s != 0 ? "max_time_s" : "precision_rails");
  }
  if (!(precision >= kFinestPrecision && precision <= kCoarsestPrecision)) {
    return Invalid(
        "precision: {:g} % asked for; {:g} to {:g} % are possible (wider intervals are "
        "those of groups of operators)",
        100 * precision, 100 * kFinestPrecision, 100 * kCoarsestPrecision);
  }
  const double limit_s = spec.time_limit_s() > 0 ? spec.time_limit_s() : kDefaultTimeLimitS;
  if (!(max_s >= 0 && max_s < limit_s)) {
    return Invalid(
        "max_time_s: {:g} s given; above 0 (or 0 for {:g} s) and less than the job's time limit of "
        "{:g} s, which can be longer",
        max_s, kDefaultMaxTimeS, limit_s);
  }
  const auto& rails = spec.precision_rails();
  const bool good = std::ranges::all_of(
      rails, [](const auto& rail) { return !rail.empty() && rail.size() <= kMaxNameBytes; });
  if (good && rails.size() <= kMostRails) return absl::OkStatus();
  return Invalid("precision_rails: give at most {} names of rails", kMostRails);
}

absl::StatusOr<std::vector<std::string>> PrecisionRails(const v1::JobSpec& spec,
                                                        const v1::BoardInfo& board) {
  std::vector<std::string> rails(spec.precision_rails().begin(), spec.precision_rails().end());
  if (rails.empty()) {
    const auto top = std::ranges::find_if(
        board.rails(), [](const v1::RailInfo& rail) { return rail.contained_in().empty(); });
    if (top == board.rails().end()) {
      return absl::FailedPreconditionError("precision: this board has no rail that is measured");
    }
    rails.push_back(top->name());
  }
  for (const std::string& rail : rails) {
    if (std::ranges::none_of(board.rails(), [&](const auto& r) { return r.name() == rail; })) {
      return NoSuchRail(rail, board);
    }
    if (board.sources().empty()) continue;
    if (const std::string why = WhyNever(board, rail); !why.empty()) {
      return CannotTell(rail, why, board);
    }
  }
  return rails;
}

}  // namespace synergy
