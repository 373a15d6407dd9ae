#include "daemon/clocks/frequency_lease.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

using Kind = JournalItem::Kind;
using State = JournalContents::State;

// How long a value that does not read as asked for is waited for: it may be the driver's rounding.
constexpr Nanoseconds kSettleTime = Milliseconds(100);

absl::Status ForeignError(const JournalItem& item) {
  return absl::FailedPreconditionError(
      fmt::format("Somebody else has changed {} since it was set to {}: find out who (another "
                  "daemon of clocks?) and stop it",
                  item.path, item.settled.value_or("?")));
}

// Settings of a hwmon device (Documentation/hwmon/sysfs-interface.rst), not its readings.
bool IsChipSetting(const std::string& name) {
  for (const std::string_view end :
       {"update_interval", "samples", "_enable", "_resistor", "_crit", "_max", "_min"}) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

}  // namespace

FrequencyLease::FrequencyLease(LeaseOptions options, RestoreJournal journal, AttributeFiles& files)
    : options_(std::move(options)), files_(files), journal_(std::move(journal)) {
  contents_.boot_id = options_.restore.boot_id;
  contents_.holder = options_.holder;
  contents_.state = State::kHeld;
}

absl::StatusOr<std::unique_ptr<FrequencyLease>> FrequencyLease::Take(LeaseOptions options,
                                                                     AttributeFiles& files) {
  absl::StatusOr<std::string> root = files.Resolve(options.restore.sysfs_root);
  if (!root.ok()) return root.status();
  options.restore.sysfs_root = *std::move(root);
  absl::StatusOr<RestoreJournal> journal = RestoreJournal::Open(options.journal);
  if (!journal.ok()) return journal.status();
  const absl::StatusOr<std::optional<JournalContents>> left = journal->Read();
  if (!left.ok() || left->has_value()) {
    return absl::FailedPreconditionError(fmt::format(
        "An earlier lease ({}) has left {}, which can still not be put back: stop the synergyd "
        "that uses this state folder, if one does, and run `{}`, which says what is wrong",
        left.ok() ? (*left)->holder : std::string(left.status().message()), options.journal,
        options.restore.by_hand));
  }
  return std::unique_ptr<FrequencyLease>(
      new FrequencyLease(std::move(options), *std::move(journal), files));
}

FrequencyLease::~FrequencyLease() {
  const RestoreReport report = Release();
  if (report.Clean() && !report.Has(RestoreOutcome::kForeign)) return;
  for (const std::string& line : DescribeReport(report)) spdlog::warn("{}", line);
}

absl::Status FrequencyLease::CheckAlive() const {
  if (journal_.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("The lease of {} has ended: nothing can be set under it", options_.holder));
}

absl::Status FrequencyLease::HoldTree() {
  const absl::MutexLock lock(&mutex_);
  return EnsureTree();
}

// Before any original is read: it may be what another synergyd has set.
absl::Status FrequencyLease::EnsureTree() {
  if (absl::Status alive = CheckAlive(); !alive.ok()) return alive;
  const RestoreOptions& restore = options_.restore;
  if (tree_.has_value() || restore.lock_folder.empty()) return absl::OkStatus();
  absl::StatusOr<TreeLock> tree = TreeLock::Take({.folder = restore.lock_folder,
                                                  .root = restore.sysfs_root,
                                                  .journal = options_.journal,
                                                  .boot_id = restore.boot_id});
  if (!tree.ok()) return tree.status();
  if (absl::Status claimed = tree->Claim(); !claimed.ok()) return claimed;
  tree_ = *std::move(tree);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<size_t>> FrequencyLease::Note(const Setting& setting,
                                                           JournalContents& contents) {
  const absl::StatusOr<std::string> path = files_.Resolve(setting.path);
  if (!path.ok()) {
    if (!setting.value.has_value()) return std::optional<size_t>();
    return path.status();
  }
  if (!path->starts_with(options_.restore.sysfs_root + "/")) {
    return absl::InvalidArgumentError(fmt::format("{} does not lie in {}, so it is not written",
                                                  *path, options_.restore.sysfs_root));
  }
  std::vector<JournalItem>& items = contents.items;
  const auto known = std::ranges::find(items, *path, &JournalItem::path);
  if (known != items.end()) {
    if (known->foreign && setting.value.has_value()) return ForeignError(*known);
    if (setting.value.has_value()) known->asked = setting.value;
    return std::optional<size_t>(known - items.begin());
  }
  JournalItem item{.path = *path,
                   .read_path = setting.read_path,
                   .asked = setting.value,
                   .momentary = setting.momentary};
  absl::StatusOr<std::string> original = CurrentValue(files_, item);
  if (!original.ok()) {
    if (!setting.value.has_value()) return std::optional<size_t>();
    return original.status();
  }
  item.original = *std::move(original);
  items.push_back(std::move(item));
  return std::optional<size_t>(items.size() - 1);
}

absl::Status FrequencyLease::NoteChip(const std::string& device, JournalContents& contents) {
  for (const std::string& hwmon : files_.List(device + "/hwmon")) {
    const std::string folder = device + "/hwmon/" + hwmon;
    for (const std::string& name : files_.List(folder)) {
      if (!IsChipSetting(name)) continue;
      const auto noted = Note({.path = folder + "/" + name}, contents);
      if (!noted.ok()) return noted.status();
    }
  }
  // NVIDIA's IIO driver of the INA3221. Its limits cannot be noted: it shows them with a unit, and
  // takes them without.
  for (const std::string& name : files_.List(device)) {
    if (!name.starts_with("iio")) continue;
    const auto noted = Note({.path = fmt::format("{}/{}/running_mode", device, name)}, contents);
    if (!noted.ok()) return noted.status();
  }
  return absl::OkStatus();
}

absl::Status FrequencyLease::Begin(JournalContents contents) {
  contents.state = State::kTaking;
  if (absl::Status written = journal_->Write(contents); !written.ok()) return written;
  contents_ = std::move(contents);
  return absl::OkStatus();
}

void FrequencyLease::Settle() {
  // A value that its driver rounds never reads as it was asked for.
  AwaitKernel(files_, kSettleTime, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::ranges::all_of(contents_.items, [this](const JournalItem& item) {
      return item.foreign || !item.asked.has_value() ||
             CurrentValue(files_, item).value_or(*item.asked) == *item.asked;
    });
  });
  for (JournalItem& item : contents_.items) {
    if (item.foreign) continue;
    const absl::StatusOr<std::string> now = CurrentValue(files_, item);
    item.settled = now.ok() ? std::optional<std::string>(*now) : std::nullopt;
  }
  contents_.state = State::kHeld;
  // Where this fails (a full disk), the journal still says "taking": whoever restores from it then
  // takes everything for ours, which is what it was a moment ago.
  if (absl::Status written = journal_->Write(contents_); !written.ok()) {
    spdlog::warn("{}", written.ToString());
  }
}

absl::StatusOr<std::vector<SettingResult>> FrequencyLease::Apply(
    const std::vector<Setting>& settings) {
  const absl::MutexLock lock(&mutex_);
  if (settings.empty()) {
    if (absl::Status alive = CheckAlive(); !alive.ok()) return alive;
    return std::vector<SettingResult>();
  }
  if (absl::Status held = EnsureTree(); !held.ok()) return held;
  JournalContents contents = contents_;
  MarkForeign(files_, options_.restore.sysfs_root, contents.items);
  std::vector<std::optional<size_t>> indices;
  for (const Setting& setting : settings) {
    const absl::StatusOr<std::optional<size_t>> index = Note(setting, contents);
    if (!index.ok()) return index.status();
    indices.push_back(*index);
  }
  if (absl::Status begun = Begin(std::move(contents)); !begun.ok()) return begun;
  absl::Status failed;
  std::vector<SettingResult> results;
  std::vector<size_t> written;
  for (size_t i = 0; i < settings.size() && failed.ok(); ++i) {
    if (!settings[i].value.has_value()) continue;
    const JournalItem& item = contents_.items[*indices[i]];
    failed = files_.Write(item.path, *settings[i].value);
    if (!failed.ok()) break;
    const absl::StatusOr<std::string> now = CurrentValue(files_, item);
    failed = now.status();
    results.push_back({item.path, item.original, *settings[i].value, now.value_or("")});
    written.push_back(*indices[i]);
  }
  Settle();
  if (!failed.ok()) return failed;
  // What came of it in the end, where that can still be read: its last core may be off by now.
  for (size_t k = 0; k < results.size(); ++k) {
    const std::optional<std::string>& settled = contents_.items[written[k]].settled;
    if (settled.has_value()) results[k].obtained = *settled;
  }
  return results;
}

absl::StatusOr<std::string> FrequencyLease::Set(const std::string& path, const std::string& value) {
  absl::StatusOr<std::vector<SettingResult>> results = Apply({{.path = path, .value = value}});
  if (!results.ok()) return results.status();
  return std::move(results->front().obtained);
}

absl::Status FrequencyLease::Unbind(const std::string& device) {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status held = EnsureTree(); !held.ok()) return held;
  const absl::StatusOr<std::string> path = files_.Resolve(device);
  if (!path.ok()) return path.status();
  JournalItem item{.kind = Kind::kDriver, .path = *path, .asked = ""};
  const absl::StatusOr<std::string> driver = CurrentValue(files_, item);
  if (!driver.ok()) return driver.status();
  if (driver->empty()) return absl::OkStatus();
  for (const std::string& inside : {*path, *driver}) {
    if (inside.starts_with(options_.restore.sysfs_root + "/")) continue;
    return absl::InvalidArgumentError(fmt::format("{} does not lie in {}, so it is not unbound",
                                                  inside, options_.restore.sysfs_root));
  }
  item.original = *driver;
  JournalContents contents = contents_;
  MarkForeign(files_, options_.restore.sysfs_root, contents.items);
  const auto known = std::ranges::find(contents.items, *path, &JournalItem::path);
  if (known != contents.items.end()) return ForeignError(*known);  // bound again, by somebody else
  if (absl::Status noted = NoteChip(*path, contents); !noted.ok()) return noted;
  contents.items.push_back(std::move(item));
  if (absl::Status begun = Begin(std::move(contents)); !begun.ok()) return begun;
  absl::Status written = files_.Write(*driver + "/unbind", path->substr(path->rfind('/') + 1));
  Settle();
  if (!written.ok()) return written;
  if (contents_.items.back().settled == "") return absl::OkStatus();
  return absl::InternalError(
      fmt::format("Unbinding {} from {}: the driver took it, but is still bound", *path, *driver));
}

RestoreReport FrequencyLease::Release() {
  const absl::MutexLock lock(&mutex_);
  RestoreReport report;
  if (!journal_.has_value()) return report;
  if (contents_.items.empty()) {
    report.status = journal_->Remove();
  } else {
    report = RestoreHeld(*journal_, contents_, files_, options_.restore.sysfs_root);
  }
  journal_.reset();
  tree_.reset();
  return report;
}

}  // namespace synergy
