#include "client/commands/job_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/analysis/report_names.h"
#include "client/commands/output.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

std::string StateText(const v1::JobStatus& job) {
  std::string text(StateName(job.state()));
  if (job.state() == v1::JOB_STATE_QUEUED) text += fmt::format(" ({})", job.queue_position());
  if (job.phase() == v1::PHASE_COOLING) text += " (cooling)";
  if (job.interrupted()) text += " (interrupted)";
  return text;
}

// Those that run and wait first, as they will run; then the ended ones.
std::vector<const v1::JobStatus*> Sorted(const std::vector<v1::JobStatus>& jobs) {
  std::vector<const v1::JobStatus*> sorted;
  for (const v1::JobStatus& job : jobs) sorted.push_back(&job);
  const auto rank = [](const v1::JobStatus* job) {
    if (job->state() == v1::JOB_STATE_RUNNING) return 0u;
    return job->state() == v1::JOB_STATE_QUEUED ? job->queue_position() : UINT32_MAX;
  };
  std::ranges::stable_sort(sorted, {}, rank);
  return sorted;
}

std::string LeaseText(const v1::DeviceLease& lease) {
  const std::string owner = Printable(lease.owner());
  if (lease.held()) {
    return fmt::format("lease {}: {} has the board for {:.0f} s more\n", Printable(lease.id()),
                       owner, lease.left_s());
  }
  return fmt::format("lease {}: {} waits for {}, to have the board for {:.0f} s\n",
                     Printable(lease.id()), owner, Printable(lease.waits_for()), lease.for_s());
}

ordered_json LeaseJson(const v1::DeviceLease& lease) {
  ordered_json json;
  json["id"] = lease.id();
  json["owner"] = lease.owner();
  json["held"] = lease.held();
  json["for_s"] = lease.for_s();
  json["left_s"] = lease.held() ? ordered_json(lease.left_s()) : ordered_json(nullptr);
  json["waits_for"] =
      lease.waits_for().empty() ? ordered_json(nullptr) : ordered_json(lease.waits_for());
  return json;
}

}  // namespace

Progress ProgressShownTo(v1::Role role) {
  return role == v1::ROLE_WATCH ? Progress::kHidden : Progress::kShown;
}

ordered_json CountJson(uint64_t count, Progress progress) {
  return progress == Progress::kShown ? ordered_json(count) : ordered_json(nullptr);
}

std::string JobListText(const std::vector<v1::JobStatus>& jobs, const v1::QueueState& queue) {
  using Align = TextTable::Align;
  std::string text;
  for (const v1::DeviceLease& lease : queue.leases()) text += LeaseText(lease);
  TextTable table({{"id", Align::kLeft, false, /*whole=*/true},
                   {"owner", Align::kLeft},
                   {"net", Align::kLeft},
                   {"engine", Align::kLeft},
                   {"priority"},
                   {"state", Align::kLeft},
                   {"waits for", Align::kLeft}});
  for (const v1::JobStatus* job : Sorted(jobs)) {
    table.AddRow({Printable(job->run_id()), Printable(job->owner()),
                  Printable(job->spec().net_name()), Printable(job->spec().engine()),
                  fmt::format("{}", job->spec().priority()), StateText(*job),
                  Printable(job->waits_for())});
  }
  text += table.rows() > 0 ? table.Text(StdoutColumns()) : "no jobs are on the board\n";
  if (!queue.evicted().empty()) text += "evicted before they were fetched:\n";
  for (const v1::EvictedRun& run : queue.evicted()) {
    text += fmt::format("  {} of {} ({}), {} kB, {} of {} chunks were fetched\n",
                        Printable(run.run_id()), Printable(run.owner()), Printable(run.net_name()),
                        (run.bytes() + 999) / 1000, run.acknowledged(), run.chunks());
  }
  return text;
}

ordered_json JobJson(const v1::JobStatus& job, bool with_spec, Progress progress) {
  ordered_json json;
  json["id"] = job.run_id();
  json["owner"] = job.owner();
  json["net"] = job.spec().net_name();
  json["engine"] = job.spec().engine();
  json["priority"] = job.spec().priority();
  json["state"] = StateName(job.state());
  json["interrupted"] = job.interrupted();
  json["queue_position"] =
      job.queue_position() > 0 ? ordered_json(job.queue_position()) : ordered_json(nullptr);
  json["waits_for"] =
      job.waits_for().empty() ? ordered_json(nullptr) : ordered_json(job.waits_for());
  json["iteration"] = CountJson(job.iteration(), progress);
  json["error"] = job.error().empty() ? ordered_json(nullptr) : ordered_json(job.error());
  json["chunks"] = CountJson(job.chunks(), progress);
  json["acknowledged"] = CountJson(job.acknowledged(), progress);
  if (!with_spec) return json;
  json["iterations"] = job.spec().iterations();
  json["warmup"] = job.spec().warmup();
  json["threads"] = job.spec().threads();
  json["batch"] = job.spec().batch();
  json["time_limit_s"] = job.spec().time_limit_s();
  json["cool_below_c"] = job.spec().cool_below_c();
  return json;
}

ordered_json JobListJson(const std::vector<v1::JobStatus>& jobs, const v1::QueueState& queue,
                         Progress progress) {
  ordered_json document;
  document["leases"] = ordered_json::array();
  for (const v1::DeviceLease& lease : queue.leases()) {
    document["leases"].push_back(LeaseJson(lease));
  }
  document["jobs"] = ordered_json::array();
  for (const v1::JobStatus* job : Sorted(jobs))
    document["jobs"].push_back(JobJson(*job, false, progress));
  document["evicted"] = ordered_json::array();
  for (const v1::EvictedRun& run : queue.evicted()) {
    ordered_json json;
    json["id"] = run.run_id();
    json["owner"] = run.owner();
    json["net"] = run.net_name();
    json["bytes"] = run.bytes();
    json["chunks"] = run.chunks();
    json["acknowledged"] = run.acknowledged();
    document["evicted"].push_back(std::move(json));
  }
  document["records_bytes"] = queue.records_bytes();
  document["records_quota_bytes"] = queue.records_quota_bytes();
  return document;
}

std::string JobText(const v1::JobStatus& job, Progress progress) {
  const v1::JobSpec& spec = job.spec();
  std::string text = fmt::format(
      "{} of {}\n  {} on {}, {} iterations after {}, {} threads, batch {}\n  state    {}\n",
      Printable(job.run_id()), Printable(job.owner()), Printable(spec.net_name()),
      Printable(spec.engine()), spec.iterations(), spec.warmup(), spec.threads(), spec.batch(),
      StateText(job));
  if (!job.waits_for().empty()) text += fmt::format("  waits    {}\n", Printable(job.waits_for()));
  const bool shown = progress == Progress::kShown;
  if (job.state() == v1::JOB_STATE_RUNNING && shown) {
    text += fmt::format("  reached  iteration {} of its phase\n", job.iteration());
  }
  if (!job.error().empty()) text += fmt::format("  error    {}\n", Printable(job.error()));
  if (!shown) return text + "  reached  not shown to the role watch, nor its records\n";
  return text + fmt::format("  records  {} chunks, {} of them fetched\n", job.chunks(),
                            job.acknowledged());
}

}  // namespace synergy
