// Attributes of one folder of sysfs that a power source reads again and again, whose driver may be
// unbound and come back, under another name too (hwmon2 as hwmon5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/sysfs_tree.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// What an attribute said, stamped at both ends of the read.
struct StampedInteger {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  int64_t value = 0;
};

// Thread-compatible. No allocation in reads that succeed.
class AttributeGroup {
 public:
  // The folder of the attributes as it is now; NotFound where there is none.
  using Find = std::function<absl::StatusOr<std::string>()>;
  // Sets up what was found before it is read, at first and whenever it has come back.
  using Prepare = std::function<absl::Status(const std::string& folder)>;

  // How often a vanished folder is looked for, at most.
  static constexpr Nanoseconds kSearchInterval = Milliseconds(1000);

  // `files` are names in the folder, `owner` stands in front of every error. `clock` outlives the
  // group.
  AttributeGroup(std::string owner, std::vector<std::string> files, Find find, Prepare prepare,
                 Clock& clock, std::shared_ptr<SysfsTree> tree = FileTree());

  // Call before the reads of each tick: looks for a folder that is not there (any more). NotFound
  // until it is found. Errors of `prepare` are handed on.
  absl::Status EnsureOpen();

  // `file` is an index into `files`. Errors of common/sysfs.h. NotFound closes the whole group;
  // what is no number is Unavailable, since a driver may say something better the next time.
  absl::StatusOr<StampedInteger> Read(size_t file);
  // The text lies in `buffer`.
  absl::StatusOr<std::string_view> ReadText(size_t file, char* buffer, size_t size);

  // How often the folder was opened: what was read before belongs to another life of the device.
  uint64_t lives() const { return lives_; }
  const std::string& folder() const { return folder_; }

 private:
  absl::Status Open();
  // What a failed read means for the group, and whose it was.
  absl::Status Failed(const absl::Status& status);

  const std::string owner_;
  const std::vector<std::string> files_;
  const Find find_;
  const Prepare prepare_;
  Clock& clock_;
  std::string folder_;
  const std::shared_ptr<SysfsTree> tree_;
  std::vector<std::unique_ptr<OpenAttribute>> attributes_;  // empty: gone
  MonotonicTime search_due_;
  uint64_t lives_ = 0;
};

// How often rounds of reads fit into a second if the shortest of a few took so long, with a fifth
// of the time to spare: more ticks would only be missed. No limit below kQuickRound: what was read
// there is memory, and how fast this machine reads says nothing of a sensor.
inline constexpr Nanoseconds kQuickRound = Microseconds(100);
double RateOfRounds(Nanoseconds shortest);
// Two reads for each conversion: each is read, and placed to half a period. No limit where its
// period is not known.
double RateOfWindow(const v1::Window& window);

// `status` with the name of whose it is in front; the code stays.
absl::Status Owned(const std::string& owner, const absl::Status& status);

}  // namespace synergy
