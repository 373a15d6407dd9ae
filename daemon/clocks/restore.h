// Puts back what a journal says, whoever left it, and says what became of each item.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/restore_items.h"
#include "daemon/clocks/restore_journal.h"

namespace synergy {

struct RestoreReport {
  // Of the journal: DataLoss where it was damaged, FailedPrecondition where its lease is alive,
  // another synergyd has the tree, or it names something outside of the sysfs root (then it stays:
  // it is of another tree), or the error with which it could not be read or removed.
  absl::Status status = {};
  bool found = false;         // there was a journal
  std::string holder = {};    // of it, where it could be read
  std::string archived = {};  // its new name, where it was kept but will not be applied again
  bool other_boot = false;    // archived for that: the board has been restarted since
  std::vector<RestoredItem> items = {};  // without those that had not changed

  bool Has(RestoreOutcome outcome) const;
  // Nothing of the lease is left behind.
  bool Clean() const {
    return status.ok() && !Has(RestoreOutcome::kLeft) && !Has(RestoreOutcome::kGone);
  }
};

// MarkForeign where the journal is held, noted in it before anything is written; PutBack; then the
// journal is removed, or archived where what is left can never be put back, or stays.
RestoreReport RestoreHeld(RestoreJournal& journal, JournalContents contents, AttributeFiles& files,
                          const std::string& sysfs_root);

struct RestoreOptions {
  std::string boot_id;                         // of this boot
  std::string sysfs_root = "/sys";             // without links; no item may lie outside
  std::string by_hand = "synergyd --restore";  // the command that restores this, for people
  // Of TreeLock, which who restores or changes something has. "": nobody else can have the tree.
  std::string lock_folder = {};
};
// What a lease that nobody holds any more has left at `path`. A journal of another boot is archived
// and not applied, a damaged one likewise.
RestoreReport Restore(const std::string& path, const RestoreOptions& options,
                      AttributeFiles& files);

// Restore for each "*.journal" in a folder, by name; empty where there is none.
std::vector<std::pair<std::string, RestoreReport>> RestoreFolder(const std::string& folder,
                                                                 const RestoreOptions& options,
                                                                 AttributeFiles& files);

// A line for each thing that a person wants to know of it.
std::vector<std::string> DescribeReport(const RestoreReport& report);
// Of these lines those about what is not as it was; none where all is.
std::vector<std::string> DescribeLeft(const RestoreReport& report);

// What the lease of the journal at `path`, which has ended, has left changed, a line each and one
// that says what to do; none where there is no such journal.
std::vector<std::string> DescribeLeftJournal(const std::string& path, const std::string& by_hand,
                                             AttributeFiles& files);
// A line for each journal in `folder` that was set aside since it can never be applied.
std::vector<std::string> DescribeSetAside(const std::string& folder);

}  // namespace synergy
