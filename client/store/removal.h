// Removing runs from a store, also where the disk is full: SQLite writes into its log what it is
// going to change, so that removing needs room itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "client/store/sqlite.h"

namespace synergy {

// What a removal gets by with: the log of one of its steps, and the log's index.
inline constexpr uint64_t kRemovalBytes = 2 << 20;

// In one transaction where its log fits on the disk, otherwise in steps of less than kRemovalBytes,
// of which each gives its space back before the next. Whenever the process dies, a run that is
// still there is whole, or a sound beginning of it that is marked as given up.
absl::Status RemoveRuns(Database& database, std::span<const int64_t> numbers);

// What this connection frees is not filled with zeros, as Debian's SQLite does it: they would all
// go through the log.
absl::Status LeaveOldBytes(Database& database);

// Hands the pages that a database does not use back to the disk; in steps where that is full.
absl::Status GiveBackSpace(Database& database);

// A file beside the store that only keeps kRemovalBytes of the disk for the next removal.
std::string ReservePath(const std::string& store_path);
// Makes the one of a store that is there, where the disk has more than twice as much left.
void KeepReserve(const std::string& store_path);

// The reserve is there to be used while this lives.
class OpenedReserve {
 public:
  explicit OpenedReserve(std::string store_path);
  ~OpenedReserve() { KeepReserve(store_path_); }
  OpenedReserve(const OpenedReserve&) = delete;
  OpenedReserve& operator=(const OpenedReserve&) = delete;

 private:
  const std::string store_path_;
};

}  // namespace synergy
