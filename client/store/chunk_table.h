// The store's table of chunks, as the boards sent them.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/store/sqlite.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// For any number of InsertChunk.
absl::StatusOr<Statement> PrepareChunkInsertion(Database& database);
// `number`: of the run.
absl::Status InsertChunk(Statement& insert, int64_t number, const v1::Chunk& chunk);
// DataLoss where the chunk of this place is another one than `chunk`, or none is there.
absl::Status CompareWithStored(Database& database, int64_t number, const v1::Chunk& chunk);
// As of Store::ForEachChunk.
absl::Status VisitChunks(Database& database, int64_t number,
                         const std::function<absl::Status(const v1::Chunk&)>& visit);

}  // namespace synergy
