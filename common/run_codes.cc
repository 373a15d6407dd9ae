#include "common/run_codes.h"

#include <cstddef>
#include <iterator>

#include "fmt/format.h"

namespace synergy {
namespace {

constexpr std::string_view kReasons[] = {
    "clock_astray",      "clock_moved",     "core_switched", "drift_beyond_model",
    "edge_unread",       "energy_unknown",  "few_fresh",     "few_readings",
    "idle_shifted",      "incomplete",      "job_cancelled", "job_failed",
    "markers_dropped",   "markers_missing", "meter_clock",   "meter_gap",
    "negative_power",    "never_changed",   "no_readings",   "not_complete",
    "operators_repeat",  "other_processes", "overlap",       "precision_not_reached",
    "reads_failed",      "records_dropped", "records_lost",  "residual_too_large",
    "ring_garbage",      "source_failed",   "stamps_late",   "store_damaged",
    "throttled",         "ticks_missed",    "too_warm",      "window_long",
    "windows_not_found", "windows_unsure",
};
static_assert(std::size(kReasons) == static_cast<size_t>(ReasonCode::kWindowsUnsure) + 1);

constexpr std::string_view kNotices[] = {
    "clock_astray",  "clock_moved",     "clocks_differ", "clocks_held",    "clocks_left",
    "core_switched", "cores_shared",    "engine_end",    "engine_note",    "inputs_overwritten",
    "limits_moved",  "nan_outputs",     "nan_weights",   "no_outputs",     "no_pauses",
    "not_counted",   "records_dropped", "simulated",     "source_stopped", "spool_failed",
    "strays_killed", "upload_meanwhile"};
static_assert(std::size(kNotices) == static_cast<size_t>(NoticeCode::kUploadMeanwhile) + 1);

}  // namespace

std::string_view CodeName(ReasonCode code) { return kReasons[static_cast<size_t>(code)]; }
std::string_view CodeName(NoticeCode code) { return kNotices[static_cast<size_t>(code)]; }
std::span<const std::string_view> ReasonCodeNames() { return kReasons; }
std::span<const std::string_view> NoticeCodeNames() { return kNotices; }

std::string Reason(ReasonCode code, std::string_view words) {
  return fmt::format("{}: {}", CodeName(code), words);
}

bool HasCode(std::string_view reason, ReasonCode code) {
  const std::string_view name = CodeName(code);
  return reason.starts_with(name) && reason.substr(name.size()).starts_with(':');
}

}  // namespace synergy
