// The queue of a board as a list, for `jobs` and `job show`. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "synergy/v1/access.pb.h"
#include "synergy/v1/job.pb.h"

namespace synergy {

// Of jobs; the board shows it to the roles run and admin.
enum class Progress { kShown, kHidden };
Progress ProgressShownTo(v1::Role role);
nlohmann::ordered_json CountJson(uint64_t count, Progress progress);  // null where it is hidden

// Jobs in the order in which they run, with what each waits for; the leases; what was evicted.
std::string JobListText(const std::vector<v1::JobStatus>& jobs, const v1::QueueState& queue);
nlohmann::ordered_json JobListJson(const std::vector<v1::JobStatus>& jobs,
                                   const v1::QueueState& queue, Progress progress);

std::string JobText(const v1::JobStatus& job, Progress progress);
nlohmann::ordered_json JobJson(const v1::JobStatus& job, bool with_spec, Progress progress);

}  // namespace synergy
