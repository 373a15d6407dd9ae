// SQLite for the stores: databases, statements and transactions that clean up after themselves, and
// errors whose texts say what to do. The only folder that includes <sqlite3.h> is this one.
//
// One thread uses a Database and its statements at a time. Statements do not outlive their
// database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace synergy {

// A prepared statement. Parameters and columns count from 1 and 0, as in SQLite.
class Statement {
 public:
  Statement& Bind(int parameter, int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  // Not copied: `bytes` stays valid until the statement was stepped.
  Statement& BindBlob(int parameter, std::string_view bytes);
  Statement& BindNull(int parameter);

  // True: a row is there to be read. False: done; the statement may be bound and stepped again.
  absl::StatusOr<bool> Step();
  // For statements without rows: Step until done.
  absl::Status Run();

  int64_t Int(int column) const;
  bool IsNull(int column) const;
  // Bytes of a text or a blob.
  std::string Bytes(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), handle_(statement) {}
  void Check(int code);  // keeps the first error of a Bind for the next Step

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
  int bind_error_ = 0;
};

class Database {
 public:
  enum class Mode {
    kCreate,     // read and write, created where there is none
    kExisting,   // read and write, or read only where the file allows no more
    kImmutable,  // read only, of a file that nobody changes: needs no lock and no -wal or -shm
                 // beside it
  };
  // Waits up to `busy_timeout_ms` for other processes' writes, in every later call as well.
  static absl::StatusOr<Database> Open(const std::string& path, Mode mode,
                                       int busy_timeout_ms = 10'000);

  absl::StatusOr<Statement> Prepare(std::string_view sql);
  // Any number of statements, rows are dropped.
  absl::Status Execute(const std::string& sql);
  // The single number that a query gives (a PRAGMA, a count).
  absl::StatusOr<int64_t> QueryInt(std::string_view sql);

  // What is in here now, in a file without a name in the folder for such files (TMPDIR), gone when
  // it is closed. It has the path of this one in its errors' texts.
  absl::StatusOr<Database> TemporaryCopy();

  bool read_only() const;
  int64_t last_insert_rowid() const;
  // Rows inserted, changed or deleted by the last statement.
  int64_t changes() const;
  const std::string& path() const { return path_; }

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

// A write transaction: everything in it is durable after Commit, or nothing of it ever happened.
class Transaction {
 public:
  // Takes the write lock at once (BEGIN IMMEDIATE), so that no later statement can fail for lack of
  // it.
  static absl::StatusOr<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();  // rolls back what was not committed

  absl::Status Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace synergy
