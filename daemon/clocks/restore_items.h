// The values of a journal's items: what they are now, who changed them, and their way back.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/restore_journal.h"

namespace synergy {

enum class RestoreOutcome {
  kRestored,  // it is what it was, or will be as soon as the kernel lifts a limit of its own
  kForeign,   // somebody else has changed it since: it was left alone
  kGone,      // its device or driver is gone: nobody can put it back
  kLeft,      // it is not what it was: worth another try
};

struct RestoredItem {
  RestoreOutcome outcome = RestoreOutcome::kRestored;
  std::string path = {};
  std::string original = {};
  std::string now = {};  // "" where it cannot be read
  std::string why = {};  // kLeft, kGone: the error
};

// What an item is now: its attribute's value; the folder of its device's driver, "" without one.
absl::StatusOr<std::string> CurrentValue(AttributeFiles& files, const JournalItem& item);
// Marks the items that somebody else has changed since they were settled. A limit that is lower
// than it was while a cooling device works is the kernel's doing, and stays ours.
void MarkForeign(AttributeFiles& files, const std::string& sysfs_root,
                 std::vector<JournalItem>& items);

// Writes all items back. Idempotent: what was interrupted anywhere can be done again.
std::vector<RestoredItem> PutBack(AttributeFiles& files, const std::string& sysfs_root,
                                  std::vector<JournalItem>& items);

}  // namespace synergy
