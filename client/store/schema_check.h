// Whether a database file holds what its version says.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "client/store/versioned_database.h"

namespace synergy {

// DataLoss, with the file, what is wrong with it and what to do, where a table, a column or a
// unique key of the first `version` migrations is missing, or where one of the next migration is
// there before its time. What else the file has is nobody's business: views, triggers, tables of
// others. `version` is one of `schema`'s.
absl::Status CheckSchema(Database& database, const DatabaseSchema& schema, int64_t version);

}  // namespace synergy
