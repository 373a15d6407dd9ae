#include "daemon/clocks/fixed_clocks.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "common/frequency.h"
#include "common/printable.h"
#include "common/sysfs.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr double kTolerance = 0.01;
constexpr size_t kMaxNameBytes = 64;

// "policy0" of ".../policy0/scaling_max_freq"; kernels before 4.3: "cpu0" of
// ".../cpu0/cpufreq/scaling_max_freq". "cpu3" of ".../cpu3/online".
std::string FolderName(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const std::string name = folder.filename();
  return name == "cpufreq" ? folder.parent_path().filename().string() : name;
}

std::string HertzText(int64_t hz) { return FormatFrequency(Frequency{(hz + 500) / 1000}); }

}  // namespace

std::string CoreOffName(const std::string& core) { return core + " off"; }

FixedClocks::FixedClocks(const v1::ClockLease& lease, const std::vector<WatchedClock>& watched) {
  std::map<std::string, std::pair<int64_t, int64_t>> limits;  // Hz; 0: not set
  for (const v1::ClockSetting& setting : lease.settings()) {
    const std::string& control = setting.control();
    const absl::StatusOr<int64_t> value = ParseSysfsInteger(setting.obtained(), control);
    if (!value.ok()) continue;
    if (control.ends_with("/online")) {
      Fixed& core = fixed_[FolderName(control)];
      core.at = *value;
      core.core = true;
      continue;
    }
    const auto overridden = std::ranges::find(watched, control, &WatchedClock::control);
    if (overridden != watched.end()) fixed_[overridden->name].at = *value;
    const bool cpu =
        control.ends_with("/scaling_min_freq") || control.ends_with("/scaling_max_freq");
    const bool device = control.ends_with("/min_freq") || control.ends_with("/max_freq");
    if (!cpu && !device) continue;
    auto& [low, high] = limits[FolderName(control)];
    (control.ends_with("min_freq") ? low : high) = *value * (cpu ? 1000 : 1);
  }
  for (const uint32_t number :
       lease.asked().cpus()) {  // those that were on are not among the settings
    Fixed& core = fixed_[fmt::format("cpu{}", number)];
    core.at = 1;
    core.core = true;
  }
  for (const auto& [clock, pair] : limits) {
    if (pair.first == pair.second && pair.first > 0) fixed_[clock].at = pair.first;
  }
}

void FixedClocks::NoteSeen(Fixed& fixed) {
  if (!fixed.seen) return;
  fixed.lowest = std::min(fixed.lowest.value_or(*fixed.seen), *fixed.seen);
  fixed.highest = std::max(fixed.highest.value_or(*fixed.seen), *fixed.seen);
}

FixedClocks::Change FixedClocks::Describe(const std::string& name, const Fixed& fixed,
                                          int64_t at_ns) {
  Change change;
  change.name = name;
  const std::string printable = Printable(name, kMaxNameBytes);
  if (fixed.core) {
    change.code = NoticeCode::kCoreSwitched;
    change.text =
        fmt::format("{} was to be {} for the job and went {}, by the kernel or somebody", printable,
                    fixed.at == 1 ? "on" : "off", fixed.at == 1 ? "off" : "on");
  } else {
    v1::ClockChange& clock = change.of_clock.emplace();
    clock.set_at_ns(at_ns);
    clock.set_clock(name);
    clock.set_fixed_hz(fixed.at);
    clock.set_seen_hz(fixed.seen.value_or(0));
    change.text =
        fixed.seen
            ? fmt::format("{} was fixed at {} and ran at {}: throttled, or set by somebody else",
                          printable, HertzText(fixed.at), HertzText(*fixed.seen))
            : fmt::format("{} was fixed at {} and cannot be read any more", printable,
                          HertzText(fixed.at));
  }
  if (!fixed.astray) change.text.clear();
  return change;
}

std::optional<FixedClocks::Change> FixedClocks::See(const std::string& name, Fixed& fixed,
                                                    std::optional<int64_t> value,
                                                    int64_t at_ns) const {
  const double allowed = fixed.core ? 0 : kTolerance * static_cast<double>(fixed.at);
  const bool astray = !value || std::abs(static_cast<double>(*value - fixed.at)) > allowed;
  const bool was = std::exchange(fixed.astray, astray);
  fixed.seen = value;
  if (!astray && !was) return std::nullopt;
  if (!was) fixed.since_ns = std::max(last_look_ns_.value_or(at_ns), span_begin_ns_);
  if (!astray) fixed.away_ns += at_ns - fixed.since_ns;
  if (astray) NoteSeen(fixed);
  return Describe(name, fixed, at_ns);
}

std::vector<FixedClocks::Change> FixedClocks::Check(const v1::Conditions& now) {
  std::vector<Change> changes;
  const auto see = [&](const std::string& name, std::optional<int64_t> value) {
    const auto found = fixed_.find(name);
    if (found == fixed_.end()) return;
    std::optional<Change> change = See(name, found->second, value, now.at_ns());
    if (change.has_value()) changes.push_back(*std::move(change));
  };
  for (const v1::Conditions::Frequency& frequency : now.frequencies()) {
    see(frequency.clock(), frequency.hz() == 0 ? std::nullopt : std::optional(frequency.hz()));
  }
  for (const v1::Conditions::Throttle& state : now.throttles()) {
    const std::string core = state.what().substr(0, state.what().find(' '));
    if (state.what() == CoreOffName(core)) see(core, state.value() == 0 ? 1 : 0);
  }
  return changes;
}

void FixedClocks::BeginSpan(MonotonicTime now) {
  span_begin_ns_ = now.ns;
  for (auto& [name, fixed] : fixed_) {
    fixed.away_ns = 0;
    fixed.lowest = fixed.highest = std::nullopt;
    if (!fixed.astray) continue;
    fixed.since_ns = now.ns;
    NoteSeen(fixed);
  }
}

std::string FixedClocks::Places(const Fixed& fixed) {
  if (fixed.core) return fixed.at == 1 ? "was off" : "was on";
  if (!fixed.lowest) return "could not be read";
  if (fixed.lowest == fixed.highest) return fmt::format("ran at {}", HertzText(*fixed.lowest));
  return fmt::format("ran at {} to {}", HertzText(*fixed.lowest), HertzText(*fixed.highest));
}

std::vector<FixedClocks::Astray> FixedClocks::EndSpan(MonotonicTime now, double max_away) {
  std::vector<Astray> all;
  const auto span_ns = static_cast<double>(std::max<int64_t>(now.ns - span_begin_ns_, 1));
  for (const auto& [name, fixed] : fixed_) {
    const int64_t away_ns = fixed.away_ns + (fixed.astray ? now.ns - fixed.since_ns : 0);
    const double share = static_cast<double>(away_ns) / span_ns;
    if (share <= max_away) continue;
    all.push_back({.code = fixed.core ? ReasonCode::kCoreSwitched : ReasonCode::kClockMoved,
                   .text = fmt::format("{} was {} and {} for up to {:.0f} % of the measured phase",
                                       Printable(name, kMaxNameBytes),
                                       fixed.core ? (fixed.at == 1 ? "to be on" : "to be off")
                                                  : fmt::format("fixed at {}", HertzText(fixed.at)),
                                       Places(fixed), 100 * std::min(share, 1.0))});
  }
  return all;
}

}  // namespace synergy
