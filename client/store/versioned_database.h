// Opening a database file of ours: who may open it, in which mode, and how it grows from version to
// version.
//
// A file carries an application id (what it is) and a user_version (how many migrations it has
// seen).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "client/store/sqlite.h"

namespace synergy {

enum class StoreAccess {
  kRead,   // NotFound where there is no file; a file or folder that cannot be written is fine: an
           // older one is read from a temporary copy
  kWrite,  // created where there is none
};

struct DatabaseSchema {
  int32_t application_id = 0;
  std::string title;  // for error texts: "store"
  // migrations[i] takes version i to i + 1. Released ones are never edited: a change is a new one.
  std::span<const char* const> migrations;
};

// Foreign keys on, write-ahead log, synchronous=FULL: a committed transaction survives a power cut.
// An older file is migrated, each step in its own transaction. FailedPrecondition: a file of a
// newer version, of another program, or one that may not be written. DataLoss: a file that does not
// hold what its version says. Two processes may open a file at once.
absl::StatusOr<Database> OpenVersioned(const std::string& path, StoreAccess access,
                                       const DatabaseSchema& schema, int busy_timeout_ms = 10'000);

}  // namespace synergy
