#include "client/store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace synergy {
namespace {

// What to do about it, for people. `path` may be empty (a database in memory).
absl::Status SqliteError(int code, std::string_view what, std::string_view path,
                         std::string_view detail, int system_errno) {
  const std::string cause = system_errno == 0
                                ? std::string(detail)
                                : fmt::format("{} ({})", detail, std::strerror(system_errno));
  const auto text = [&](std::string_view remedy) {
    return fmt::format("cannot {} {}: {}. {}", what, path, cause, remedy);
  };
  const auto full = [&] {
    return absl::ResourceExhaustedError(
        text("Free some space on its disk, or name a file on another one with --store FILE."));
  };
  switch (code & 0xFF) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::FailedPreconditionError(
          text("Make the file and its folder writable, or name another file with --store FILE."));
    case SQLITE_CANTOPEN:
      return absl::FailedPreconditionError(
          text("Check that the folder exists and is accessible, or name another file with --store "
               "FILE."));
    case SQLITE_FULL:
      return full();
    case SQLITE_IOERR:
      if (system_errno == ENOSPC || system_errno == EDQUOT) return full();
      return absl::DataLossError(
          text("The disk or its file system failed: look at the kernel log and the free space."));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          text("Another process has been writing to it for too long: try again when it is done."));
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return absl::DataLossError(
          text("It is no SQLite database or it is damaged: restore it from a copy, or name another "
               "file with --store FILE."));
    default:
      return absl::InternalError(text("This is a defect of synergyctl: please report it."));
  }
}

absl::Status LastError(sqlite3* database, std::string_view what) {
  const int code = sqlite3_extended_errcode(database);
  const bool system = (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN ||
                      (code & 0xFF) == SQLITE_READONLY;
  const char* file = sqlite3_db_filename(database, "main");
  return SqliteError(code, what, file == nullptr ? "" : file, sqlite3_errmsg(database),
                     system ? sqlite3_system_errno(database) : 0);
}

// A file: URI needs '%', '?' and '#' of the path escaped.
std::string ImmutableUri(std::string_view path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::Check(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& Statement::Bind(int parameter, int64_t value) {
  Check(sqlite3_bind_int64(handle_.get(), parameter, value));
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  Check(sqlite3_bind_text64(handle_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(int parameter, std::string_view bytes) {
  // A null pointer would bind NULL, not an empty blob.
  const char* data = bytes.empty() ? "" : bytes.data();
  Check(sqlite3_bind_blob64(handle_.get(), parameter, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::BindNull(int parameter) {
  Check(sqlite3_bind_null(handle_.get(), parameter));
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) {
    return absl::InternalError(fmt::format("binding a parameter of \"{}\": {}",
                                           sqlite3_sql(handle_.get()),
                                           sqlite3_errstr(bind_error_)));
  }
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  absl::Status status;
  if (code != SQLITE_DONE) {
    status = LastError(database_, sqlite3_stmt_readonly(handle_.get()) != 0 ? "read from the store"
                                                                            : "write to the store");
  }
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  if (!status.ok()) return status;
  return false;
}

absl::Status Statement::Run() {
  while (true) {
    const absl::StatusOr<bool> row = Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
  }
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(handle_.get(), column); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::string Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

void Database::Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

absl::StatusOr<Database> Database::Open(const std::string& path, Mode mode, int busy_timeout_ms) {
  const bool immutable = mode == Mode::kImmutable;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI : SQLITE_OPEN_READWRITE;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(immutable ? ImmutableUri(path).c_str() : path.c_str(), &handle,
                                   flags, nullptr);
  Database database(path, handle);
  if (code != SQLITE_OK) {
    return SqliteError(code, "open the store", path,
                       handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle),
                       handle == nullptr ? 0 : sqlite3_system_errno(handle));
  }
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return database;
}

absl::StatusOr<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) return LastError(handle_.get(), "read from the store");
  return Statement(handle_.get(), statement);
}

absl::Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return LastError(handle_.get(), "write to the store");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Database::QueryInt(std::string_view sql) {
  absl::StatusOr<Statement> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::InternalError(fmt::format("\"{}\" gave no row", sql));
  return statement->Int(0);
}

absl::StatusOr<Database> Database::TemporaryCopy() {
  absl::StatusOr<Database> copy = Open("", Mode::kCreate);
  if (!copy.ok()) return copy;
  sqlite3* target = copy->handle_.get();
  sqlite3_backup* backup = sqlite3_backup_init(target, "main", handle_.get(), "main");
  if (backup != nullptr) {
    sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
  }
  if (const int code = sqlite3_errcode(target); code != SQLITE_OK) {
    return SqliteError(code, "copy", path_, sqlite3_errmsg(target), 0);
  }
  copy->path_ = path_;
  return copy;
}

bool Database::read_only() const { return sqlite3_db_readonly(handle_.get(), "main") == 1; }

int64_t Database::last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_.get()); }

int64_t Database::changes() const { return sqlite3_changes64(handle_.get()); }

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  if (absl::Status status = database.Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
  return Transaction(&database);
}

Transaction::~Transaction() {
  // SQLite itself rolls back after some errors (a full disk); then there is nothing left to do.
  if (database_ != nullptr) database_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  if (absl::Status status = database_->Execute("COMMIT"); !status.ok()) return status;
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace synergy
