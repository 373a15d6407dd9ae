#include "daemon/clocks/restore_items.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "common/sysfs.h"
#include "daemon/clocks/cpusets.h"
#include "daemon/clocks/restore_order.h"

namespace synergy {
namespace {

using Kind = JournalItem::Kind;

// Items influence each other (a limit is clamped by the other one, a governor sets the speed), and
// another writer may come in between: what did not stick is written once more.
constexpr int kRounds = 2;
// How long a round waits for the kernel: its work queues take microseconds, far longer where the
// machine is overloaded.
constexpr Nanoseconds kRestoreTime = Milliseconds(500);

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsLower(const std::string& value, const std::string& than) {
  const absl::StatusOr<int64_t> a = ParseSysfsInteger(value, "");
  const absl::StatusOr<int64_t> b = ParseSysfsInteger(than, "");
  return a.ok() && b.ok() && *a < *b;
}

// A cooling device of a frequency domain is at work: it lowers limits without asking
// (drivers/thermal/cpufreq_cooling.c, devfreq_cooling.c; "thermal-cpufreq-0" or "cpufreq-cpu0").
bool CoolingAtWork(AttributeFiles& files, const std::string& sysfs_root) {
  const std::string folder = sysfs_root + "/class/thermal";
  for (const std::string& name : files.List(folder)) {
    if (!name.starts_with("cooling_device")) continue;
    const auto type = files.Read(folder + "/" + name + "/type");
    if (!type.ok() || type->find("freq") == std::string::npos) continue;
    const auto state = files.Read(folder + "/" + name + "/cur_state");
    if (state.ok() && *state != "0") return true;
  }
  return false;
}

bool FollowsTheKernel(const JournalItem& item) {
  const Control control = ControlOf(item);
  return control == Control::kLimit || control == Control::kUnderGovernor;
}

// The device is bound again, but under another number: .../1-0040/hwmon/hwmon3 is hwmon4 now, or
// .../1-0040/iio:device0 is iio:device1.
std::optional<std::string> Renumbered(AttributeFiles& files, const std::string& path) {
  for (const std::string_view part : {"/hwmon/hwmon", "/iio:device"}) {
    const size_t at = path.rfind(part);
    if (at == std::string::npos) continue;
    const size_t end = path.find('/', at + part.size());
    if (end == std::string::npos) continue;
    const size_t name_at = at + part.rfind('/');
    const std::string folder = path.substr(0, name_at);
    std::vector<std::string> names = files.List(folder);
    std::erase_if(names, [&](const std::string& name) {
      return !name.starts_with(part.substr(part.rfind('/') + 1));
    });
    if (names.size() == 1) return folder + "/" + names.front() + path.substr(end);
  }
  return std::nullopt;
}

// A setspeed that reads "<unsupported>" went with its governor, which is back or reported itself.
bool IsBack(const JournalItem& item, const absl::StatusOr<std::string>& now) {
  if (!now.ok()) return false;
  if (*now == item.original) return true;
  return ControlOf(item) == Control::kUnderGovernor && now->starts_with('<');
}

class Restoring {
 public:
  Restoring(AttributeFiles& files, std::vector<JournalItem>& items, bool cooling)
      : files_(files), items_(items), cooling_(cooling), notes_(items.size()) {}

  std::vector<RestoredItem> Run() {
    for (int round = 0; round < kRounds; ++round) {
      const std::vector<size_t> order = RestoreOrder(items_);
      for (size_t k = 0; k < order.size(); ++k) {
        if (const auto upper = PairedLimit(order, k); upper.has_value()) {
          RestoreLimits(order[k], *upper, round);
          ++k;
        } else {
          RestoreItem(order[k], round);
        }
      }
      AwaitKernel(files_, kRestoreTime, [this] { return AllBack(); });
    }
    std::vector<RestoredItem> report;
    for (size_t i = 0; i < items_.size(); ++i) Judge(i, report);
    return report;
  }

 private:
  struct Note {
    bool changed = false;   // it was not what it should be, or was written
    bool verified = false;  // read back as the original after its write
    absl::Status error;     // of its last write
  };

  bool AllBack() const {
    for (size_t i = 0; i < items_.size(); ++i) {
      // Waiting would not help.
      if (items_[i].foreign || items_[i].momentary || !notes_[i].error.ok()) continue;
      const absl::StatusOr<std::string> now = CurrentValue(files_, items_[i]);
      if (!now.ok() || IsBack(items_[i], now)) continue;
      return false;
    }
    return true;
  }

  // The index of the upper limit that stands behind the lower one at `k`, if that is one.
  std::optional<size_t> PairedLimit(const std::vector<size_t>& order, size_t k) const {
    if (k + 1 == order.size()) return std::nullopt;
    const JournalItem& lower = items_[order[k]];
    const JournalItem& upper = items_[order[k + 1]];
    const bool pair = ControlOf(lower) == Control::kLimit && ControlOf(upper) == Control::kLimit &&
                      OwnerOf(lower.path) == OwnerOf(upper.path) && !IsUpperLimit(lower.path) &&
                      IsUpperLimit(upper.path);
    return pair ? std::optional(order[k + 1]) : std::nullopt;
  }

  // The first one written is the one that cannot cross the other as it stands now: old kernels
  // refuse that, others clamp.
  void RestoreLimits(size_t lower, size_t upper, int round) {
    const absl::StatusOr<std::string> now = CurrentValue(files_, items_[lower]);
    const bool lower_first = now.ok() && IsLower(items_[upper].original, *now);
    RestoreItem(lower_first ? lower : upper, round);
    RestoreItem(lower_first ? upper : lower, round);
  }

  void RestoreItem(size_t i, int round) {
    JournalItem& item = items_[i];
    Note& note = notes_[i];
    if (item.foreign) return;
    absl::StatusOr<std::string> now = CurrentValue(files_, item);
    if (absl::IsNotFound(now.status())) {
      if (const auto path = Renumbered(files_, item.path); path.has_value()) {
        item.path = *path;
        item.read_path.clear();
        now = CurrentValue(files_, item);
      }
    }
    const bool same = IsBack(item, now);
    // What the kernel has made of it since it was given back is the kernel's.
    if (round > 0 && item.momentary) return;
    // Later it may be unreadable since its core has gone off again.
    if (round > 0 && (same || (note.verified && !now.ok()))) return;
    note.verified = same;
    // What was asked for is written back even where it reads the same: the kernel remembers what
    // it was asked for besides what it made of it, and would come back to it.
    if (same && !item.asked.has_value()) return;
    if (absl::IsNotFound(now.status())) {
      note.error = now.status();
      return;
    }
    if (item.kind == Kind::kDriver && same) return;
    note.changed = true;
    if (item.kind == Kind::kDriver) {
      note.error = files_.Write(item.original + "/bind", BaseName(item.path));
    } else if (!item.original.starts_with('<')) {  // "<unsupported>" is no value
      note.error = files_.Write(item.path, item.original);
    }
    now = CurrentValue(files_, item);
    note.verified = IsBack(item, now);
  }

  void Judge(size_t i, std::vector<RestoredItem>& report) {
    const JournalItem& item = items_[i];
    const Note& note = notes_[i];
    const absl::StatusOr<std::string> now = CurrentValue(files_, item);
    RestoredItem result{.path = item.path, .original = item.original, .now = now.value_or("")};
    const bool same = IsBack(item, now) || (now.ok() && item.momentary);
    if (same && item.foreign) return;
    if (same) {
      if (note.changed) report.push_back(std::move(result));
      return;
    }
    // Nobody asked for it, and what it came with is not there.
    if (!item.asked.has_value() && absl::IsNotFound(now.status())) return;
    if (item.foreign) {
      result.outcome = RestoreOutcome::kForeign;
    } else if (absl::IsNotFound(now.status()) || absl::IsNotFound(note.error)) {
      result.outcome = RestoreOutcome::kGone;
      result.why = std::string((now.ok() ? note.error : now.status()).message());
    } else if (now.ok() && note.error.ok() && cooling_ && FollowsTheKernel(item) &&
               IsLower(*now, item.original)) {
      result.why = "the kernel keeps it lower while it cools the board";
    } else if (!now.ok() && note.verified) {
      // It was put back, and then its core went off again, as it had been.
    } else {
      result.outcome = RestoreOutcome::kLeft;
      result.why = !note.error.ok() ? std::string(note.error.message())
                   : now.ok()       ? "it was written, and reads otherwise"
                                    : std::string(now.status().message());
    }
    report.push_back(std::move(result));
  }

  AttributeFiles& files_;
  std::vector<JournalItem>& items_;
  const bool cooling_;
  std::vector<Note> notes_;
};

}  // namespace

absl::StatusOr<std::string> CurrentValue(AttributeFiles& files, const JournalItem& item) {
  if (item.kind == Kind::kValue) {
    return files.Read(item.read_path.empty() ? item.path : item.read_path);
  }
  if (absl::StatusOr<std::string> device = files.Resolve(item.path); !device.ok()) return device;
  absl::StatusOr<std::string> driver = files.Resolve(item.path + "/driver");
  if (absl::IsNotFound(driver.status())) return std::string();
  return driver;
}

// By this lease.
std::vector<uint32_t> CoresSwitchedOff(const std::vector<JournalItem>& items) {
  std::vector<uint32_t> cores;
  for (const JournalItem& item : items) {
    if (ControlOf(item) != Control::kCoreOn || item.asked != "0") continue;
    const std::string_view folder = std::string_view(item.path).substr(0, item.path.rfind('/'));
    cores.push_back(
        static_cast<uint32_t>(std::strtoul(folder.data() + folder.rfind("cpu") + 3, nullptr, 10)));
  }
  return cores;
}

void MarkForeign(AttributeFiles& files, const std::string& sysfs_root,
                 std::vector<JournalItem>& items) {
  std::optional<bool> cooling;  // asked only where it matters
  std::set<std::string_view> governed_by_others;
  for (JournalItem& item : items) {
    if (!item.foreign && item.settled.has_value()) {
      const absl::StatusOr<std::string> now = CurrentValue(files, item);
      if (!now.ok() || *now == *item.settled || *now == item.original) continue;
      if (*now == item.asked) continue;  // applied after it was settled
      // Taken out of it some time after its core went off.
      if (ControlOf(item) == Control::kCpuset &&
          IsWithoutCores(*now, item.original, CoresSwitchedOff(items))) {
        continue;
      }
      if (FollowsTheKernel(item) && IsLower(*now, *item.settled)) {
        if (!cooling.has_value()) cooling = CoolingAtWork(files, sysfs_root);
        if (*cooling) continue;
      }
      item.foreign = true;
    }
    if (item.foreign && ControlOf(item) == Control::kGovernor) {
      governed_by_others.insert(OwnerOf(item.path));
    }
  }
  // They are what the other governor made of them.
  for (JournalItem& item : items) {
    if (ControlOf(item) == Control::kUnderGovernor &&
        governed_by_others.contains(OwnerOf(item.path))) {
      item.foreign = true;
    }
  }
}

std::vector<RestoredItem> PutBack(AttributeFiles& files, const std::string& sysfs_root,
                                  std::vector<JournalItem>& items) {
  return Restoring(files, items, CoolingAtWork(files, sysfs_root)).Run();
}

}  // namespace synergy
