// A RunSession's counted events (JobSpec.events).
#include <string>
#include <utility>
#include <vector>

#include "common/sysfs.h"
#include "daemon/counters/event_catalog.h"
#include "daemon/counters/event_groups.h"
#include "daemon/jobs/run_session.h"
#include "fmt/format.h"

namespace synergy {
namespace {

std::string Paranoid() {
  return ReadSysfs("/proc/sys/kernel/perf_event_paranoid").value_or("unknown");
}

absl::StatusOr<EventCatalog> CatalogOf(const RunnerParts& parts, const CorePlan& cores) {
  return EventCatalog::Read("", cores.job.empty() ? parts.cpus : cores.job);
}

absl::Status Refused(const absl::Status& why) {
  return absl::Status(why.code(), fmt::format("{} (--events-optional measures without)",
                                              std::string(why.message())));
}

}  // namespace

absl::Status RunSession::CheckEvents(const RunnerParts& parts, const v1::JobSpec& spec) {
  if (spec.events().empty() || spec.events_optional()) return absl::OkStatus();
  const absl::StatusOr<EventCatalog> catalog = CatalogOf(parts, CoresOf(parts, spec));
  if (!catalog.ok()) return Refused(catalog.status());
  const absl::Status good = synergy::CheckEvents(
      *catalog, {spec.events().begin(), spec.events().end()}, Paranoid(), *parts.perf);
  return good.ok() ? good : Refused(good);
}

absl::Status RunSession::NotCounted(const absl::Status& why) {
  if (!job_.spec().events_optional()) return Refused(why);
  not_counted_ = std::string(why.message());
  event_groups_.reset();
  return absl::OkStatus();
}

absl::Status RunSession::PlanCounting() {
  const auto& events = job_.spec().events();
  if (events.empty()) return absl::OkStatus();
  const absl::StatusOr<EventCatalog> catalog = CatalogOf(parts_, cores_);
  if (!catalog.ok()) return NotCounted(catalog.status());
  absl::StatusOr<EventGroups> groups =
      PlanEventGroups(*catalog, {events.begin(), events.end()}, Paranoid(), *parts_.perf);
  if (!groups.ok()) return NotCounted(groups.status());
  event_groups_ = *std::move(groups);
  return absl::OkStatus();
}

absl::Status RunSession::BeginCounting() {
  if (event_groups_ && !driver_->counts_events()) {
    not_counted_ = fmt::format("the engine {} is older than counting", job_.spec().engine());
    event_groups_.reset();
  }
  if (event_groups_) {
    absl::StatusOr<v1::CountedEvents> counted =
        driver_->Count(*event_groups_, Paranoid(), *parts_.perf);
    const bool refused =
        absl::IsFailedPrecondition(counted.status()) || absl::IsPermissionDenied(counted.status());
    if (refused) {
      if (absl::Status failed = NotCounted(counted.status()); !failed.ok()) return failed;
    } else if (!counted.ok()) {
      return counted.status();
    } else {
      v1::RunRecord record;
      *record.mutable_counted() = *std::move(counted);
      recording_.Record(record);
    }
  }
  if (!not_counted_.empty()) {
    recording_.AddNotice(NoticeCode::kNotCounted,
                         "the events that were asked for are not counted: " + not_counted_);
  }
  return absl::OkStatus();
}

}  // namespace synergy
