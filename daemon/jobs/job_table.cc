#include "daemon/jobs/job_table.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/printable.h"
#include "daemon/jobs/run_id.h"
#include "fmt/format.h"

namespace synergy {

bool HasEnded(const v1::JobStatus& status) {
  return status.state() == v1::JOB_STATE_DONE || status.state() == v1::JOB_STATE_FAILED ||
         status.state() == v1::JOB_STATE_CANCELLED;
}

void JobTable::SetListener(JobListener* listener) {
  listener_ = listener;
  for (const auto& [number, job] : jobs_) Announce(job);
}

v1::StoredJob& JobTable::Put(v1::StoredJob job) {
  v1::StoredJob& stored = jobs_[job.number()];
  stored = std::move(job);
  return stored;
}

void JobTable::Remove(uint64_t number) {
  if (listener_ != nullptr) listener_->OnRemoved(jobs_.at(number).status().run_id());
  jobs_.erase(number);
}

absl::StatusOr<uint64_t> JobTable::Find(std::string_view run_id) const {
  for (const auto& [number, job] : jobs_) {
    if (job.status().run_id() == run_id) return number;
  }
  return absl::NotFoundError(
      fmt::format("There is no run '{}' on this device", Printable(run_id, kMaxRunIdBytes)));
}

const v1::StoredJob* JobTable::FindToken(std::string_view owner_id, std::string_view token) const {
  for (const auto& [number, job] : jobs_) {
    if (job.owner_id() == owner_id && job.status().spec().token() == token) return &job;
  }
  return nullptr;
}

const v1::StoredJob* JobTable::Running() const {
  const auto running = std::ranges::find_if(jobs_, [](const auto& entry) {
    return entry.second.status().state() == v1::JOB_STATE_RUNNING;
  });
  return running == jobs_.end() ? nullptr : &running->second;
}

const JobTable::Reserved* JobTable::KeepsOut(const v1::StoredJob& job) const {
  const auto reserved = std::ranges::find_if(
      reserved_, [&](const Reserved& entry) { return entry.owner_id != job.owner_id(); });
  return reserved == reserved_.end() ? nullptr : &*reserved;
}

std::vector<v1::StoredJob*> JobTable::QueueOrder() {
  std::vector<v1::StoredJob*> waiting, order;
  for (auto& [number, job] : jobs_) {
    if (job.status().state() == v1::JOB_STATE_QUEUED) waiting.push_back(&job);
  }
  std::map<std::string, uint64_t> turns = turns_;
  uint64_t turn = last_turn_;
  while (!waiting.empty()) {
    const auto next = std::ranges::min_element(waiting, {}, [&](const v1::StoredJob* job) {
      return std::tuple(KeepsOut(*job) != nullptr, -job->status().spec().priority(),
                        turns[job->owner_id()], job->number());
    });
    turns[(*next)->owner_id()] = ++turn;
    order.push_back(*next);
    waiting.erase(next);
  }
  return order;
}

v1::StoredJob* JobTable::NextQueued() {
  const std::vector<v1::StoredJob*> order = QueueOrder();
  return order.empty() || KeepsOut(*order.front()) != nullptr ? nullptr : order.front();
}

void JobTable::TookTurn(const v1::StoredJob& job) { turns_[job.owner_id()] = ++last_turn_; }

std::vector<std::string> JobTable::QueuedRunIds() const {
  std::vector<std::string> run_ids;
  for (const auto& [number, job] : jobs_) {
    if (job.status().state() == v1::JOB_STATE_QUEUED) run_ids.push_back(job.status().run_id());
  }
  return run_ids;
}

std::vector<std::string> JobTable::UnendedOf(std::string_view owner_id) const {
  std::vector<std::string> run_ids;
  for (const auto& [number, job] : jobs_) {
    if (job.owner_id() != owner_id || HasEnded(job.status())) continue;
    run_ids.push_back(job.status().run_id());
  }
  return run_ids;
}

size_t JobTable::CountQueued(std::string_view owner_id) const {
  return static_cast<size_t>(std::ranges::count_if(jobs_, [&](const auto& entry) {
    return entry.second.status().state() == v1::JOB_STATE_QUEUED &&
           entry.second.owner_id() == owner_id;
  }));
}

std::vector<std::string> JobTable::EndedRunIds() const {
  std::vector<std::string> run_ids;
  for (const auto& [number, job] : jobs_) {
    if (HasEnded(job.status())) run_ids.push_back(job.status().run_id());
  }
  return run_ids;
}

std::vector<v1::JobStatus> JobTable::List() const {
  std::vector<v1::JobStatus> list;
  for (const auto& [number, job] : jobs_) list.push_back(job.status());
  return list;
}

void JobTable::NumberTheQueue() {
  uint32_t position = 0;
  for (v1::StoredJob* job : QueueOrder()) {
    ++position;
    const Reserved* kept_out = KeepsOut(*job);
    const std::string waits_for = kept_out != nullptr ? kept_out->reason : "";
    v1::JobStatus& status = *job->mutable_status();
    if (status.queue_position() == position && status.waits_for() == waits_for) continue;
    status.set_queue_position(position);
    status.set_waits_for(waits_for);
    Announce(*job);
  }
}

void JobTable::Announce(const v1::StoredJob& job) const {
  if (listener_ != nullptr) listener_->OnJob(job.status());
}

}  // namespace synergy
