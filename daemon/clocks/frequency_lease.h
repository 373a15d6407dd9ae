// The only writer of clocks and chip settings. Exclusive ownership of the controls that it was told
// to change: what was there is in a journal before anything is written, and comes back when the
// lease ends, however it ends (daemon/clocks/restore.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/settings.h"
#include "daemon/clocks/attribute_files.h"
#include "daemon/clocks/restore.h"
#include "daemon/clocks/restore_journal.h"
#include "daemon/clocks/tree_lock.h"

namespace synergy {

struct LeaseOptions {
  std::string journal;  // path; one per lease that can be alive at a time
  std::string holder;   // who wants it, for people
  RestoreOptions restore;
};

// A control to be written, or (without a value) one that may change along with others and shall be
// what it was afterwards, too; such a one may be absent.
struct Setting {
  std::string path;  // absolute, under the sysfs root
  std::optional<std::string> value = {};
  std::string read_path = {};  // where its value is read; "": at `path`
  // The kernel sets it by itself, by a switch that the lease holds as well: what counts is that the
  // switch is what it was. The value is written back, but nobody asks what becomes of it.
  bool momentary = false;
};

struct SettingResult {
  std::string path;
  std::string original;
  std::string asked;
  std::string obtained;  // drivers round, clamp and ignore
};

// Thread-safe.
class FrequencyLease final : public SettingWriter {
 public:
  // FailedPrecondition: the journal's lease is alive, or has left a journal that must be restored
  // first; it is never overwritten. `files` outlives the lease.
  static absl::StatusOr<std::unique_ptr<FrequencyLease>> Take(LeaseOptions options,
                                                              AttributeFiles& files);
  // Releases.
  ~FrequencyLease() override;

  // Keeps every other synergyd of this machine from changing the tree: before anything is read to
  // be planned with. Otherwise the first change does it. FailedPrecondition: another one has it, or
  // has left it changed.
  absl::Status HoldTree() ABSL_LOCKS_EXCLUDED(mutex_);

  // Notes all of `settings` durably, then writes those with values in their order, up to the first
  // that fails (then its error: the others stay written until the lease ends), then reads
  // everything back. Errors besides: HoldTree's.
  // Controls that influence each other are noted in one call before the first of them is written:
  // afterwards they read what came of it. FailedPrecondition where somebody else has changed one of
  // them since this lease did.
  absl::StatusOr<std::vector<SettingResult>> Apply(const std::vector<Setting>& settings);

  absl::StatusOr<std::string> Set(const std::string& path, const std::string& value) override;
  absl::Status Unbind(const std::string& device) override;

  // Puts everything back and ends the lease; a second call finds nothing to do.
  RestoreReport Release();

  const std::string& holder() const { return options_.holder; }

 private:
  FrequencyLease(LeaseOptions options, RestoreJournal journal, AttributeFiles& files);

  // The index of its item in `contents`, which it is added to where it is new; nothing where it
  // need not be there and is not.
  absl::StatusOr<std::optional<size_t>> Note(const Setting& setting, JournalContents& contents)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes what the driver of `device` begins anew with when it is bound again.
  absl::Status NoteChip(const std::string& device, JournalContents& contents)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Durably: from now on the kernel may be told.
  absl::Status Begin(JournalContents contents) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reads everything back and notes it.
  void Settle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EnsureTree() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckAlive() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LeaseOptions options_;
  AttributeFiles& files_;
  absl::Mutex mutex_;
  std::optional<RestoreJournal> journal_ ABSL_GUARDED_BY(mutex_);  // nothing: released
  std::optional<TreeLock> tree_ ABSL_GUARDED_BY(mutex_);           // from the first change on
  JournalContents contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
