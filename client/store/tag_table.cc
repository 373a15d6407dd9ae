#include "client/store/tag_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/ascii.h"

namespace synergy {
namespace {

constexpr size_t kLongestTag = 64;

bool MayStandInTag(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
         c == '/';
}

}  // namespace

absl::Status CheckTagName(std::string_view tag) {
  const bool is_one = !tag.empty() && tag.size() <= kLongestTag && tag != "last" &&
                      absl::ascii_isalpha(static_cast<unsigned char>(tag.front())) &&
                      std::all_of(tag.begin(), tag.end(), MayStandInTag);
  if (is_one && tag.ends_with(".toml")) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is no tag: where runs are named, what ends in .toml is a job file.", tag));
  }
  if (is_one) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no tag: a tag begins with a letter, has at most {} letters, digits, '-', '_', '.' "
      "and '/', and is not 'last'.",
      tag, kLongestTag));
}

absl::Status InsertTag(Database& database, const std::string& tag, int64_t run) {
  if (absl::Status status = CheckTagName(tag); !status.ok()) return status;
  absl::StatusOr<Statement> insert =
      database.Prepare("INSERT INTO tags (tag, run) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
  if (!insert.ok()) return insert.status();
  return insert->Bind(1, tag).Bind(2, run).Run();
}

absl::Status DeleteTag(Database& database, const std::string& tag, std::optional<int64_t> run) {
  absl::StatusOr<Statement> remove =
      database.Prepare("DELETE FROM tags WHERE tag = ?1 AND (?2 IS NULL OR run = ?2)");
  if (!remove.ok()) return remove.status();
  remove->Bind(1, tag);
  if (run) remove->Bind(2, *run);
  if (absl::Status status = remove->Run(); !status.ok()) return status;
  if (database.changes() > 0) return absl::OkStatus();
  return absl::NotFoundError(
      run ? fmt::format("run {} does not have the tag '{}'. synergyctl tag lists them.", *run, tag)
          : fmt::format("no run has the tag '{}'. synergyctl tag lists them.", tag));
}

absl::Status MoveTag(Database& database, const std::string& tag, int64_t run) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  const absl::Status removed = DeleteTag(database, tag, std::nullopt);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  if (absl::Status added = InsertTag(database, tag, run); !added.ok()) return added;
  return transaction->Commit();
}

}  // namespace synergy
