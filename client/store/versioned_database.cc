#include "client/store/versioned_database.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/store/schema_check.h"
#include "common/clock.h"

namespace synergy {
namespace {

constexpr Nanoseconds kRetryPeriod = Milliseconds(5);

// A file that was closed well has no write-ahead log, or an empty one.
bool HasPendingLog(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path + "-wal", error);
  return !error && size > 0;
}

// Changing the journal mode ignores the busy timeout: two processes that create the same file at
// once meet here, and the second one must try again.
absl::Status SwitchToWriteAheadLog(Database& database, int busy_timeout_ms) {
  Clock& clock = RealClock();  // the other process's time
  const MonotonicTime deadline = clock.Now() + Milliseconds(busy_timeout_ms);
  while (true) {
    const absl::Status status = database.Execute("PRAGMA journal_mode = WAL");
    if (!absl::IsUnavailable(status) || clock.Now() >= deadline) {
      return status;
    }
    clock.SleepUntil(clock.Now() + kRetryPeriod);
  }
}

absl::Status CheckIdentity(Database& database, int64_t version, const DatabaseSchema& schema) {
  const absl::StatusOr<int64_t> objects = database.QueryInt("SELECT count(*) FROM sqlite_master");
  if (!objects.ok()) return objects.status();
  // Last: another process may be filling the file just now, and where there still is no id, what
  // was read before is of an empty file, too.
  const absl::StatusOr<int64_t> id = database.QueryInt("PRAGMA application_id");
  if (!id.ok()) return id.status();
  const auto known = static_cast<int64_t>(schema.migrations.size());
  // A file without an id and version is ours to fill as long as it is empty.
  const bool other =
      *id == 0 ? version <= known && (version != 0 || *objects != 0) : *id != schema.application_id;
  if (other) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is a database of another program, no {}. Name another file with --store FILE.",
        database.path(), schema.title));
  }
  if (version < 0) {
    return absl::DataLossError(fmt::format(
        "the {} {} has version {}, which is none: it is damaged. Restore it from a copy, or name "
        "another file with --store FILE.",
        schema.title, database.path(), version));
  }
  if (version > known) {
    return absl::FailedPreconditionError(
        fmt::format("the {} {} has version {}, this synergyctl knows versions up to {}: a newer "
                    "synergyctl wrote "
                    "it. Use that one, or name another file with --store FILE.",
                    schema.title, database.path(), version, known));
  }
  return absl::OkStatus();
}

absl::Status MigrateOneStep(Database& database, const DatabaseSchema& schema) {
  absl::StatusOr<Transaction> transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  // Another process may have been faster: only what is read under the write lock counts.
  const absl::StatusOr<int64_t> version = database.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (absl::Status status = CheckIdentity(database, *version, schema); !status.ok()) return status;
  if (*version == static_cast<int64_t>(schema.migrations.size())) return absl::OkStatus();
  if (absl::Status status = CheckSchema(database, schema, *version); !status.ok()) return status;
  const std::string sql = fmt::format("{}; PRAGMA user_version = {}; PRAGMA application_id = {};",
                                      schema.migrations[static_cast<size_t>(*version)],
                                      *version + 1, schema.application_id);
  if (absl::Status status = database.Execute(sql); !status.ok()) return status;
  return transaction->Commit();
}

absl::Status Migrate(Database& database, const DatabaseSchema& schema) {
  while (true) {
    const absl::StatusOr<int64_t> version = database.QueryInt("PRAGMA user_version");
    if (!version.ok()) return version.status();
    if (absl::Status status = CheckIdentity(database, *version, schema); !status.ok())
      return status;
    if (*version == static_cast<int64_t>(schema.migrations.size())) {
      return CheckSchema(database, schema, *version);
    }
    if (database.read_only()) {
      return absl::FailedPreconditionError(fmt::format(
          "the {} {} has version {} and must be brought to version {}, but cannot be written. Make "
          "the file and its folder writable, or copy it and name the copy with --store FILE.",
          schema.title, database.path(), *version, schema.migrations.size()));
    }
    if (absl::Status status = MigrateOneStep(database, schema); !status.ok()) return status;
  }
}

// SQLite says of most of these only that it cannot open the file.
absl::Status CheckFile(const std::string& path, const DatabaseSchema& schema, StoreAccess access) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISREG(info.st_mode)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        fmt::format("{} cannot be the {}: it is no regular file. Name another file with --store "
                    "FILE.",
                    path, schema.title));
  }
  if (access == StoreAccess::kRead) return absl::OkStatus();
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "cannot create the {} {}: its folder: {}. Check that the folder exists and can be "
      "written, or name another file with --store FILE.",
      schema.title, path, std::strerror(errno)));
}

// What a disk that was full leaves of a new file: nothing, or a header without tables.
bool IsBlank(Database& database) {
  const absl::StatusOr<int64_t> id = database.QueryInt("PRAGMA application_id");
  const absl::StatusOr<int64_t> version = database.QueryInt("PRAGMA user_version");
  const absl::StatusOr<int64_t> objects = database.QueryInt("SELECT count(*) FROM sqlite_master");
  return id.ok() && version.ok() && objects.ok() && *id == 0 && *version == 0 && *objects == 0;
}

absl::StatusOr<Database> OpenForWriting(const std::string& path, const DatabaseSchema& schema,
                                        int busy_timeout_ms) {
  absl::StatusOr<Database> database =
      Database::Open(path, Database::Mode::kCreate, busy_timeout_ms);
  if (!database.ok()) return database;
  if (database->read_only()) {
    return absl::FailedPreconditionError(
        fmt::format("cannot write to the {} {}: it is read-only. Make the file and its folder "
                    "writable, or name another file with --store FILE.",
                    schema.title, path));
  }
  // Before anything is written: another program's file must stay as it is.
  const absl::StatusOr<int64_t> version = database->QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (absl::Status status = CheckIdentity(*database, *version, schema); !status.ok()) return status;
  // auto_vacuum only counts before the first table, so it comes before the journal's mode.
  if (absl::Status status = database->Execute("PRAGMA auto_vacuum = INCREMENTAL"); !status.ok()) {
    return status;
  }
  if (absl::Status status = SwitchToWriteAheadLog(*database, busy_timeout_ms); !status.ok()) {
    return status;
  }
  if (absl::Status status = database->Execute("PRAGMA synchronous = FULL"); !status.ok()) {
    return status;
  }
  if (absl::Status status = Migrate(*database, schema); !status.ok()) return status;
  if (absl::Status status = database->Execute("PRAGMA foreign_keys = ON"); !status.ok()) {
    return status;
  }
  return database;
}

// An older file that cannot be brought up to date where it is.
absl::StatusOr<Database> MigratedCopy(Database& frozen, const DatabaseSchema& schema) {
  absl::StatusOr<Database> copy = frozen.TemporaryCopy();
  absl::Status status = copy.status();
  if (status.ok()) status = Migrate(*copy, schema);
  // Nobody would ever see what was written to it.
  if (status.ok()) status = copy->Execute("PRAGMA query_only = ON");
  if (status.ok()) return copy;
  return absl::Status(
      status.code(),
      fmt::format("the {} {} is of an older version and cannot be written, so a copy of it in the "
                  "folder for temporary files was tried: {} Make the file and its folder writable, "
                  "or copy both yourself and name the copy with --store FILE.",
                  schema.title, frozen.path(), std::string(status.message())));
}

absl::StatusOr<Database> OpenForReading(const std::string& path, const DatabaseSchema& schema,
                                        int busy_timeout_ms) {
  const absl::Status missing = absl::NotFoundError(fmt::format(
      "there is no {} {} yet: synergyctl run creates it with the first run.", schema.title, path));
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return missing;
  absl::StatusOr<Database> database =
      Database::Open(path, Database::Mode::kExisting, busy_timeout_ms);
  if (!database.ok()) return database;
  if (IsBlank(*database)) return missing;
  absl::Status status = Migrate(*database, schema);
  // In a folder that cannot be written, or on a full disk, SQLite cannot set up the log's index,
  // and refuses even to read.
  const bool no_index = absl::IsFailedPrecondition(status) || absl::IsResourceExhausted(status);
  if (no_index && !HasPendingLog(path)) {
    absl::StatusOr<Database> frozen =
        Database::Open(path, Database::Mode::kImmutable, busy_timeout_ms);
    if (!frozen.ok()) return frozen;
    const absl::StatusOr<int64_t> version = frozen->QueryInt("PRAGMA user_version");
    status = version.ok() ? CheckIdentity(*frozen, *version, schema) : version.status();
    if (status.ok() && *version < static_cast<int64_t>(schema.migrations.size())) {
      return MigratedCopy(*frozen, schema);
    }
    if (status.ok()) status = Migrate(*frozen, schema);
    if (status.ok()) return frozen;
  }
  if (absl::IsFailedPrecondition(status) && HasPendingLog(path)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} The file {}-wal beside it is a part of it, which can only be read where both can be "
        "written: that goes for a copy as well.",
        std::string(status.message()), path));
  }
  if (!status.ok()) return status;
  return database;
}

}  // namespace

absl::StatusOr<Database> OpenVersioned(const std::string& path, StoreAccess access,
                                       const DatabaseSchema& schema, int busy_timeout_ms) {
  if (absl::Status status = CheckFile(path, schema, access); !status.ok()) return status;
  return access == StoreAccess::kWrite ? OpenForWriting(path, schema, busy_timeout_ms)
                                       : OpenForReading(path, schema, busy_timeout_ms);
}

}  // namespace synergy
