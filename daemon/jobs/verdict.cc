#include "daemon/jobs/verdict.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "common/printable.h"
#include "common/records/resolution.h"
#include "common/run_codes.h"
#include "fmt/format.h"

namespace synergy {
namespace {

void Add(v1::Verdict verdict, ReasonCode code, std::string_view words, Judgement* judgement) {
  judgement->verdict = std::max(judgement->verdict, verdict);  // VALID < SUSPECT < INVALID
  judgement->reasons.push_back(Reason(code, words));
}

void JudgeSource(const v1::SourceStats& source, const VerdictLimits& limits, Judgement* judgement) {
  if (source.ticks() == 0) {
    return Add(v1::VERDICT_SUSPECT, ReasonCode::kNoReadings,
               fmt::format("{} was never read", source.source()), judgement);
  }
  const auto ticks = static_cast<double>(source.ticks());
  const auto judge = [&](ReasonCode code, uint64_t lost, const char* words) {
    const double share = static_cast<double>(lost) / ticks;
    if (share <= limits.lost_ticks) return;
    Add(v1::VERDICT_SUSPECT, code,
        fmt::format("{:.1f} % of the {} ticks of {} {}", 100 * share, source.ticks(),
                    source.source(), words),
        judgement);
  };
  judge(ReasonCode::kTicksMissed, source.missed(), "were missed");
  judge(ReasonCode::kReadsFailed, source.failed(), "had a read that failed");
}

// "" where the window is short enough for the joules of the whole and, unless least squares tell
// shorter ones apart, for those of an operator.
std::string WindowWords(const RunFacts& facts, double windows, double window_s, bool separates) {
  const bool whole = facts.measured_s >= windows * window_s;
  const double longest_s =
      facts.operator_s.empty() ? HUGE_VAL : *std::ranges::max_element(facts.operator_s);
  const bool mixed = !separates && window_s > longest_s;
  if (whole && !mixed) return "";
  std::string words = fmt::format("a reading takes {} together", TimeText(window_s));
  if (!whole) {
    words += fmt::format(
        ", and the measured phase took {}: at least {} are needed for its joules, so measure more "
        "iterations (--iterations {:.0f})",
        TimeText(facts.measured_s), TimeText(windows * window_s),
        std::ceil(static_cast<double>(facts.iterations) * windows * window_s / facts.measured_s));
  }
  if (mixed) {
    words += fmt::format(
        "{}all {} operators are shorter (the longest takes {}): the joules of single operators "
        "are shares of a mean, not measurements",
        whole ? ", and " : "; ", facts.operator_s.size(), TimeText(longest_s));
  }
  return words + "; synergyctl doctor says what makes the sensor faster";
}

// Rails of which the same is to be said are told together.
void JudgeWindows(const RunFacts& facts, const VerdictLimits& limits, Judgement* judgement) {
  std::vector<std::pair<std::string, std::string>> told;  // words and rails
  for (const ReadingCount& rail : facts.rails) {
    const std::string words =
        rail.window_s ? WindowWords(facts, limits.windows, *rail.window_s, rail.separates) : "";
    if (words.empty()) continue;
    const auto same = std::ranges::find(told, words, [](const auto& entry) { return entry.first; });
    if (same == told.end()) {
      told.emplace_back(words, rail.rail);
    } else {
      same->second += ", " + rail.rail;
    }
  }
  for (const auto& [words, rails] : told) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kWindowLong, fmt::format("{}: {}", rails, words),
        judgement);
  }
}

void JudgeReadings(const RunFacts& facts, const VerdictLimits& limits, Judgement* judgement) {
  for (const CountFault& fault :
       JudgeCounts(facts.rails, facts.operator_s.size(), limits.readings)) {
    Add(fault.verdict, fault.code, fault.words, judgement);
  }
  if (!facts.read_before || !facts.read_after) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kEdgeUnread,
        fmt::format("not every rail was read {} the job, so some of its energy is "
                    "missing",
                    facts.read_before ? "after" : "before"),
        judgement);
  }
}

// A job that was cut short has the reason for that.
void JudgePrecision(const RunFacts& facts, Judgement* judgement) {
  if (!facts.precision || facts.precision->blocks.empty()) return;
  const v1::MeasuredBlock& last = facts.precision->blocks.back();
  const double target = facts.precision->target;
  const bool known = last.why_not().empty();
  if (facts.state != v1::JOB_STATE_DONE || (known && last.widest_interval() <= target)) return;
  const std::string reached =
      known ? fmt::format("the widest interval is {:.2g} % on {}", 100 * last.widest_interval(),
                          last.rail())
            : fmt::format("how well operators are known on {} cannot be said ({})", last.rail(),
                          last.why_not());
  Add(v1::VERDICT_SUSPECT, ReasonCode::kPrecisionNotReached,
      fmt::format(
          "{} after {} iterations in {:.0f} s, and {:.2g} % were asked for; {}", reached,
          last.iterations(), last.time_s(), 100 * target,
          known ? fmt::format(
                      "allow more time (--max-time, {:g} s here, which must hold another block of "
                      "iterations and the decision after it)",
                      facts.precision->max_s)
                : "name another rail (--precision-rail), or measure a number of iterations"),
      judgement);
}

void JudgeMarkers(const RunFacts& facts, Judgement* judgement) {
  if (!facts.garbage.empty()) {
    Add(v1::VERDICT_INVALID, ReasonCode::kRingGarbage, facts.garbage, judgement);
  }
  if (facts.markers_dropped > 0) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kMarkersDropped,
        fmt::format("the marker ring was full and lost {} markers", facts.markers_dropped),
        judgement);
  } else if (facts.state == v1::JOB_STATE_DONE && facts.measured != facts.expected) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kMarkersMissing,
        fmt::format("{} executions of operators were marked where {} were expected", facts.measured,
                    facts.expected),
        judgement);
  }
  if (facts.clock_error_ns > kMaxClockErrorNs) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kClockAstray, ClockErrorText(facts.clock_error_ns),
        judgement);
  }
  if (facts.records_dropped > 0) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kRecordsDropped,
        fmt::format("the disk was too slow and {} lost",
                    facts.records_dropped == 1
                        ? "1 record was"
                        : fmt::format("{} records were", facts.records_dropped)),
        judgement);
  }
}

// Below this share of a CPU a process is not worth its name.
constexpr double kLeastNamed = 0.005;
constexpr size_t kMostNamed = 3;

std::string OthersWords(const OtherLoad& others, double limit) {
  std::string names;
  for (size_t i = 0; i < std::min(others.users.size(), kMostNamed); ++i) {
    const CpuUser& user = others.users[i];
    if (user.share < kLeastNamed) break;
    names += fmt::format("{}{} {:.0f} % of a CPU", names.empty() ? " (" : ", ",
                         Printable(user.name, 32), 100 * user.share);
  }
  return fmt::format(
      "other processes used {:.1f} % of the CPUs in the measured phase, and at most {:g} % are "
      "well{}: their time and power stand in the operators' numbers; end them, or let them run "
      "elsewhere",
      100 * others.share, 100 * limit, names.empty() ? "" : names + ")");
}

// What the board did besides the job.
void JudgeBoard(const RunFacts& facts, const VerdictLimits& limits, Judgement* judgement) {
  for (const FixedClocks::Astray& moved : facts.moved_clocks) {
    Add(v1::VERDICT_SUSPECT, moved.code, moved.text, judgement);
  }
  for (const std::string& throttle : facts.throttled) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kThrottled,
        fmt::format("{} in the measured phase, so the board lowered its clocks; cool it, or fix a "
                    "lower frequency",
                    throttle),
        judgement);
  }
  if (facts.began_at && facts.began_at->celsius > facts.began_at->gate_c + limits.gate_margin_c) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kTooWarm,
        fmt::format("{} was at {:.1f} C when the measured phase began, more than {:g} C above the "
                    "{:g} C that the job waited for; fewer --warmup iterations, or a lower "
                    "--cool-below",
                    facts.began_at->zone, facts.began_at->celsius, limits.gate_margin_c,
                    facts.began_at->gate_c),
        judgement);
  }
  if (facts.others.share > limits.other_cpu) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kOtherProcesses,
        OthersWords(facts.others, limits.other_cpu), judgement);
  }
}

}  // namespace

std::string ClockErrorText(int64_t error_ns) {
  return fmt::format(
      "the engine's stamps were up to {:.1f} us astray of CLOCK_MONOTONIC (at most {:.0f} us are "
      "well), so operators near that time may be too long, too short or of no length",
      static_cast<double>(error_ns) * 1e-3, static_cast<double>(kMaxClockErrorNs) * 1e-3);
}

Judgement Judge(const RunFacts& facts, const VerdictLimits& limits) {
  Judgement judgement;
  if (facts.state == v1::JOB_STATE_FAILED) {
    Add(v1::VERDICT_INVALID, ReasonCode::kJobFailed, facts.error, &judgement);
  } else if (facts.state == v1::JOB_STATE_CANCELLED) {
    Add(facts.measured > 0 ? v1::VERDICT_SUSPECT : v1::VERDICT_INVALID, ReasonCode::kJobCancelled,
        fmt::format("{}; {} of {} executions were measured", facts.error, facts.measured,
                    facts.expected),
        &judgement);
  }
  JudgePrecision(facts, &judgement);
  JudgeMarkers(facts, &judgement);
  JudgeReadings(facts, limits, &judgement);
  JudgeWindows(facts, limits, &judgement);
  for (const v1::SourceStats& source : facts.sources) JudgeSource(source, limits, &judgement);
  JudgeBoard(facts, limits, &judgement);
  for (const std::string& late : facts.late_stamps) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kStampsLate, late, &judgement);
  }
  for (const std::string& stuck : facts.never_changed) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kNeverChanged, stuck, &judgement);
  }
  for (const std::string& failed : facts.failed_sources) {
    Add(v1::VERDICT_SUSPECT, ReasonCode::kSourceFailed, failed, &judgement);
  }
  return judgement;
}

}  // namespace synergy
