// The store's table of tags: names that people give to runs ("main"), each to any number of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/store/sqlite.h"

namespace synergy {

// InvalidArgument with what a tag may be: a letter, then at most 63 letters, digits, '-', '_', '.'
// and '/' (names of branches), so that it is no number; not "last".
absl::Status CheckTagName(std::string_view tag);

// Nothing happens where the run has it. InvalidArgument: CheckTagName. A transaction of its own
// where none is open.
absl::Status InsertTag(Database& database, const std::string& tag, int64_t run);

// On this run alone, whatever had it before; in one transaction.
absl::Status MoveTag(Database& database, const std::string& tag, int64_t run);

// From this run, or from all. NotFound where it is not there.
absl::Status DeleteTag(Database& database, const std::string& tag, std::optional<int64_t> run);

}  // namespace synergy
