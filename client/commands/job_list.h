// The queue of a board as a list, for `jobs` and `job show`. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "synergy/v1/job.pb.h"

namespace synergy {

// Jobs in the order in which they run, with what each waits for; the leases; what was evicted.
std::string JobListText(const std::vector<v1::JobStatus>& jobs, const v1::QueueState& queue);
nlohmann::ordered_json JobListJson(const std::vector<v1::JobStatus>& jobs,
                                   const v1::QueueState& queue);

std::string JobText(const v1::JobStatus& job);
nlohmann::ordered_json JobJson(const v1::JobStatus& job, bool with_spec);

}  // namespace synergy
