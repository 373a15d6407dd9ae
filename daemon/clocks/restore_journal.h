// What was changed in the kernel and what was there before: one file per lease, which is durable
// before the kernel is told anything, so that whoever comes after a crash can put everything back.
//
// Two parts: a line "synergy-restore-journal VERSION crc32c=HEX", then JSON, which the checksum is
// of. People can read it; nobody can edit it unnoticed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_lock.h"

namespace synergy {

struct JournalItem {
  enum class Kind { kValue, kDriver };
  Kind kind = Kind::kValue;
  std::string path = {};       // the attribute; kDriver: the device's folder. No links
  std::string read_path = {};  // where its value is read; "": at `path`
  std::string original = {};   // its value; kDriver: the driver's folder
  std::optional<std::string> asked =
      {};  // nothing: never written, noted as something that may follow
  std::optional<std::string> settled = {};  // what was read afterwards; nothing: not known
  bool foreign = false;                     // somebody else has changed it since: hands off
  bool momentary = false;  // `original` is what the kernel had made of it just then

  bool operator==(const JournalItem&) const = default;
};

struct JournalContents {
  enum class State {
    kTaking,     // writes may or may not have happened: everything is ours
    kHeld,       // every item is settled: a value that is another one now is somebody else's
    kRestoring,  // what is somebody else's was found out; values are on their way back
  };
  std::string boot_id = {};  // of /proc/sys/kernel/random/boot_id
  std::string holder = {};   // who has the lease, for people
  State state = State::kTaking;
  std::vector<JournalItem> items = {};  // in the order of their first write

  bool operator==(const JournalContents&) const = default;
};

std::string FormatJournal(const JournalContents& contents);
// DataLoss where anything of it is not as FormatJournal writes it.
absl::StatusOr<JournalContents> ParseJournal(std::string_view text, std::string_view origin);
// The file's, whoever holds it. NotFound where there is none; DataLoss where it is damaged.
absl::StatusOr<JournalContents> ReadJournal(const std::string& path);

// The file, held by one at a time; the hold ends with this object or its process.
// Thread-compatible.
class RestoreJournal {
 public:
  // Makes the folder (mode 0700). FailedPrecondition: somebody else holds the journal.
  static absl::StatusOr<RestoreJournal> Open(const std::string& path);

  // Nothing where there is no journal. DataLoss where it is damaged.
  absl::StatusOr<std::optional<JournalContents>> Read() const;
  // Replaces it, durably. The caller has found out by Read that what is there is its own.
  absl::Status Write(const JournalContents& contents);
  // Durably; OK where there is none.
  absl::Status Remove();
  // Renames it to "PATH.REASON", with a number where that is taken; the new name.
  absl::StatusOr<std::string> Archive(std::string_view reason);

  const std::string& path() const { return path_; }

 private:
  RestoreJournal(std::string path, FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileLock lock_;
};

}  // namespace synergy
