#include "daemon/clocks/restore.h"

#include <algorithm>
#include <optional>
#include <set>

#include "common/sysfs.h"
#include "daemon/clocks/tree_lock.h"
#include "fmt/format.h"

namespace synergy {
namespace {

using Kind = JournalItem::Kind;
using State = JournalContents::State;

// `path` is a path below `root`, without detours.
bool LiesIn(const std::string& path, const std::string& root) {
  return path.starts_with(root + "/") && path.find("/../") == std::string::npos;
}

absl::Status CheckPaths(const JournalContents& contents, const std::string& root) {
  for (const JournalItem& item : contents.items) {
    const bool inside = LiesIn(item.path, root) &&
                        (item.read_path.empty() || LiesIn(item.read_path, root)) &&
                        (item.kind == Kind::kValue || LiesIn(item.original, root));
    if (inside) continue;
    return absl::FailedPreconditionError(fmt::format(
        "The restore journal of {} names {}, which does not lie in {}: it was kept, and "
        "nothing of it was put back. It is of another tree: give the --sysfs-root that "
        "its synergyd was started with",
        contents.holder, item.path, root));
  }
  return absl::OkStatus();
}

std::string DescribeItem(const RestoredItem& item) {
  switch (item.outcome) {
    case RestoreOutcome::kRestored:
      return fmt::format("restored {} to {}{}", item.path, item.original,
                         item.why.empty() ? "" : fmt::format(" ({})", item.why));
    case RestoreOutcome::kForeign:
      return fmt::format("left {} at {}: somebody else has changed it since (it was {})", item.path,
                         item.now, item.original);
    case RestoreOutcome::kGone:
      return fmt::format("cannot restore {} to {} any more: {}", item.path, item.original,
                         item.why);
    case RestoreOutcome::kLeft:
      break;
  }
  return fmt::format("NOT restored: {} is {} and was {}: {}", item.path,
                     item.now.empty() ? "unreadable" : item.now, item.original, item.why);
}

void ArchiveAs(RestoreJournal& journal, std::string_view reason, RestoreReport& report) {
  absl::StatusOr<std::string> name = journal.Archive(reason);
  if (name.ok()) {
    report.archived = *std::move(name);
  } else if (report.status.ok()) {
    report.status = name.status();
  }
}

}  // namespace

bool RestoreReport::Has(RestoreOutcome outcome) const {
  return std::ranges::find(items, outcome, &RestoredItem::outcome) != items.end();
}

RestoreReport RestoreHeld(RestoreJournal& journal, JournalContents contents, AttributeFiles& files,
                          const std::string& sysfs_root) {
  RestoreReport report{.found = true, .holder = contents.holder};
  if (contents.state == State::kHeld) {
    MarkForeign(files, sysfs_root, contents.items);
    contents.state = State::kRestoring;
    // Where that cannot be written (a full disk), going on is still right: what an interruption
    // then loses is only whose the values in between are.
    report.status = journal.Write(contents);
  }
  report.items = PutBack(files, sysfs_root, contents.items);
  if (report.Has(RestoreOutcome::kLeft)) return report;
  if (report.Has(RestoreOutcome::kGone)) {
    ArchiveAs(journal, "gone", report);
  } else {
    report.status = journal.Remove();
  }
  return report;
}

RestoreReport Restore(const std::string& path, const RestoreOptions& options,
                      AttributeFiles& files) {
  RestoreReport report;
  absl::StatusOr<RestoreJournal> journal = RestoreJournal::Open(path);
  if (!journal.ok()) {
    report.status = journal.status();
    return report;
  }
  const absl::StatusOr<std::string> root = files.Resolve(options.sysfs_root);
  absl::StatusOr<std::optional<JournalContents>> contents = journal->Read();
  if (contents.ok() && !contents->has_value()) {
    report.status = journal->Remove();
    return report;
  }
  report.found = true;
  report.status = !root.ok() ? root.status() : contents.status();
  if (report.status.ok()) report.status = CheckPaths(**contents, *root);
  if (absl::IsDataLoss(report.status)) ArchiveAs(*journal, "damaged", report);
  if (!report.status.ok()) return report;
  if ((*contents)->boot_id != options.boot_id) {
    report.holder = (*contents)->holder;
    report.other_boot = true;
    ArchiveAs(*journal, "other-boot", report);
    return report;
  }
  std::optional<TreeLock> tree;
  if (!options.lock_folder.empty()) {
    absl::StatusOr<TreeLock> taken = TreeLock::Take({.folder = options.lock_folder,
                                                     .root = *root,
                                                     .journal = path,
                                                     .boot_id = options.boot_id});
    if (!taken.ok()) {
      report.status = taken.status();
      return report;
    }
    tree = *std::move(taken);
  }
  return RestoreHeld(*journal, **std::move(contents), files, *root);
}

std::vector<std::pair<std::string, RestoreReport>> RestoreFolder(const std::string& folder,
                                                                 const RestoreOptions& options,
                                                                 AttributeFiles& files) {
  std::set<std::string> paths;
  for (std::string name : ListSysfs(folder)) {
    if (name.ends_with(".new")) name.resize(name.size() - 4);  // all that is left of one
    if (name.ends_with(".journal")) paths.insert(folder + "/" + name);
  }
  std::vector<std::pair<std::string, RestoreReport>> reports;
  for (const std::string& path : paths) reports.emplace_back(path, Restore(path, options, files));
  return reports;
}

std::vector<std::string> DescribeReport(const RestoreReport& report) {
  std::vector<std::string> lines;
  if (!report.status.ok()) lines.emplace_back(report.status.message());
  if (report.other_boot) {
    lines.push_back(fmt::format(
        "{} left clocks changed, but the board has been restarted since: nothing to restore",
        report.holder));
  }
  for (const RestoredItem& item : report.items) lines.push_back(DescribeItem(item));
  if (!report.archived.empty())
    lines.push_back(fmt::format("the journal is now {}", report.archived));
  return lines;
}

std::vector<std::string> DescribeLeft(const RestoreReport& report) {
  if (report.Clean() && !report.Has(RestoreOutcome::kForeign)) return {};
  RestoreReport left = report;
  std::erase_if(left.items,
                [](const RestoredItem& item) { return item.outcome == RestoreOutcome::kRestored; });
  return DescribeReport(left);
}

std::vector<std::string> DescribeLeftJournal(const std::string& path, const std::string& by_hand,
                                             AttributeFiles& files) {
  std::vector<std::string> lines;
  const absl::StatusOr<JournalContents> left = ReadJournal(path);
  if (absl::IsNotFound(left.status())) return lines;
  if (left.ok()) {
    for (const JournalItem& item : left->items) {
      const absl::StatusOr<std::string> now = CurrentValue(files, item);
      if (item.momentary || (now.ok() && *now == item.original)) continue;
      if (!now.ok() && !item.asked.has_value()) continue;
      lines.push_back(
          fmt::format("{} is {} and was {}", item.path, now.value_or("unreadable"), item.original));
    }
  }
  lines.push_back(fmt::format(
      "the lease of {} has ended, but not all that it changed was put back ({}): the next lease "
      "tries again; by hand: stop synergyd, `{}`, start it again",
      left.ok() ? left->holder : std::string(left.status().message()), path, by_hand));
  return lines;
}

std::vector<std::string> DescribeSetAside(const std::string& folder) {
  std::vector<std::string> lines;
  for (const std::string& name : ListSysfs(folder)) {
    const bool lost = name.find(".journal.damaged") != std::string::npos ||
                      name.find(".journal.gone") != std::string::npos;
    if (!lost) continue;
    lines.push_back(
        fmt::format("not everything that {}/{} names was put back: see that the board is as it "
                    "should be (a restart of it does that), then delete this file",
                    folder, name));
  }
  return lines;
}

}  // namespace synergy
