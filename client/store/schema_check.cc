#include "client/store/schema_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synergy {
namespace {

// A table ("") or one of its columns or unique keys, by the table's name.
using Part = std::pair<std::string, std::string>;

constexpr std::string_view kSelectParts = R"sql(
WITH tables AS (SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*')
SELECT name, '' FROM tables
UNION ALL
SELECT t.name, 'column ' || c.name FROM tables t, pragma_table_info(t.name) c
UNION ALL
SELECT t.name, 'unique key (' || group_concat(k.name, ', ') || ')'
FROM tables t, pragma_index_list(t.name) i, pragma_index_info(i.name) k
WHERE i."unique" GROUP BY t.name, i.name
)sql";

absl::StatusOr<std::set<Part>> Parts(Database& database) {
  absl::StatusOr<Statement> select = database.Prepare(kSelectParts);
  if (!select.ok()) return select.status();
  std::set<Part> parts;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return parts;
    parts.emplace(select->Bytes(0), select->Bytes(1));
  }
}

std::set<Part> Without(const std::set<Part>& all, const std::set<Part>& those) {
  std::set<Part> rest;
  std::set_difference(all.begin(), all.end(), those.begin(), those.end(),
                      std::inserter(rest, rest.end()));
  return rest;
}

// Of a table that is there as a whole, or not at all, its columns say nothing new.
std::string Names(const std::set<Part>& parts) {
  std::string text;
  for (const auto& [table, part] : parts) {
    if (!part.empty() && parts.contains({table, ""})) continue;
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        part.empty() ? fmt::format("the table {}", table)
                                     : fmt::format("the {} of the table {}", part, table));
  }
  return text;
}

absl::Status Damaged(const Database& database, const DatabaseSchema& schema, int64_t version,
                     std::string_view what, const std::set<Part>& parts) {
  return absl::DataLossError(fmt::format(
      "the {} {} is damaged: it is of version {}, {} {}. Something else than synergyctl has "
      "changed it: restore it from a copy, or name another file with --store FILE.",
      schema.title, database.path(), version, what, Names(parts)));
}

}  // namespace

absl::Status CheckSchema(Database& database, const DatabaseSchema& schema, int64_t version) {
  const absl::StatusOr<std::set<Part>> here = Parts(database);
  if (!here.ok()) return here.status();
  // What the migrations make is asked of themselves: a list of it beside them would grow old.
  absl::StatusOr<Database> model = Database::Open(":memory:", Database::Mode::kCreate);
  if (!model.ok()) return model.status();
  for (int64_t i = 0; i < version; ++i) {
    const absl::Status made = model->Execute(schema.migrations[static_cast<size_t>(i)]);
    if (!made.ok()) return made;
  }
  const absl::StatusOr<std::set<Part>> due = Parts(*model);
  if (!due.ok()) return due.status();
  if (const std::set<Part> missing = Without(*due, *here); !missing.empty()) {
    return Damaged(database, schema, version, "but without", missing);
  }
  if (version == static_cast<int64_t>(schema.migrations.size())) return absl::OkStatus();

  const absl::Status made = model->Execute(schema.migrations[static_cast<size_t>(version)]);
  if (!made.ok()) return made;
  const absl::StatusOr<std::set<Part>> next = Parts(*model);
  if (!next.ok()) return next.status();
  const std::set<Part> to_come = Without(*next, *due);
  const std::set<Part> early = Without(to_come, Without(to_come, *here));
  if (!early.empty()) {
    return Damaged(database, schema, version, "but already with", early);
  }
  return absl::OkStatus();
}

}  // namespace synergy
