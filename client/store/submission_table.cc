#include "client/store/submission_table.h"

namespace synergy {

absl::StatusOr<std::vector<Submission>> SelectSubmissions(Database& database,
                                                          const std::string& board_id) {
  absl::StatusOr<Statement> select = database.Prepare(
      "SELECT token, created_unix_ns FROM submissions WHERE board_id = ?1 "
      "ORDER BY created_unix_ns, token");
  if (!select.ok()) return select.status();
  select->Bind(1, board_id);
  std::vector<Submission> submissions;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return submissions;
    submissions.push_back({.token = select->Bytes(0), .created_unix_ns = select->Int(1)});
  }
}

absl::Status InsertSubmission(Database& database, const std::string& board_id,
                              const Submission& submission) {
  absl::StatusOr<Statement> insert = database.Prepare(
      "INSERT INTO submissions (token, board_id, created_unix_ns) SELECT ?1, ?2, ?3 "
      "WHERE NOT EXISTS (SELECT 1 FROM submissions WHERE token = ?1 AND board_id = ?2)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(1, submission.token)
      .Bind(2, board_id)
      .Bind(3, submission.created_unix_ns)
      .Run();
}

absl::Status DeleteSubmission(Database& database, const std::string& board_id,
                              const std::string& token) {
  absl::StatusOr<Statement> remove =
      database.Prepare("DELETE FROM submissions WHERE board_id = ?1 AND token = ?2");
  if (!remove.ok()) return remove.status();
  return remove->Bind(1, board_id).Bind(2, token).Run();
}

}  // namespace synergy
