// The store's tables of what meters on this host measured beside the boards' own records.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// As Store's calls of these names. `number`: of the run.
absl::Status AppendMeterChunks(Database& database, int64_t number,
                               std::span<const v1::Chunk> chunks);
absl::Status PutMeter(Database& database, int64_t number, const v1::MeterRecord& record);
absl::StatusOr<std::optional<v1::MeterRecord>> SelectMeter(Database& database, int64_t number);
absl::Status VisitMeterChunks(Database& database, int64_t number,
                              const std::function<absl::Status(const v1::Chunk&)>& visit);

}  // namespace synergy
