// What is asked of clocks, as people write it and as it travels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/clocks.pb.h"

namespace synergy {

inline constexpr uint32_t kMaxCpuNumber = 4095;  // CONFIG_NR_CPUS of the largest kernels is 4096

// "max", "min" or a frequency (common/frequency.h). InvalidArgument: none of these.
absl::StatusOr<v1::ClockSpeed> ParseClockSpeed(std::string_view text);
// "0-3", "0,2-3" (Documentation/admin-guide/cputopology.rst); ascending, each once.
// InvalidArgument where it is none, or empty.
absl::StatusOr<std::vector<uint32_t>> ParseCpuList(std::string_view text);
std::string FormatCpuList(std::vector<uint32_t> cpus);  // ParseCpuList takes it back

bool AsksForNothing(const v1::ClockRequest& request);
// InvalidArgument where it asks for nothing, or for what no board can have.
absl::Status ValidateClockRequestUntrusted(const v1::ClockRequest& request);
// "CPU 1224MHz, governor userspace, GPU max, memory min, boost off, fan 80 %, CPUs 0-3".
std::string DescribeClockRequest(const v1::ClockRequest& request);
// Of the settings that the driver made something else of: "CONTROL is 825600 instead of 600000",
// a line each.
std::vector<std::string> DescribeDifferences(const v1::ClockLease& lease);

}  // namespace synergy
