// Who did what on the board: a file that nobody can fill with lines of his own, so that what he
// did before stays in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace synergy {

struct AuditEntry {
  std::string who;           // "client 5e0c9a3b7d1f2486 (ann@laptop)", "user 0"
  std::string what;          // "submitting a job": the same words for all of its kind
  std::string subject = {};  // "squeezenet"
  std::string refused = {};  // why it was not done; "": it was
};

// Thread-safe.
class AuditLog {
 public:
  // Of one file; then audit.log becomes audit.log.1, that one .2 and so on.
  static constexpr int64_t kMaxBytes = 1 << 20;
  static constexpr int kOldFiles = 8;
  // Of one `who` in one hour: nine files hold four days of one who does nothing else. Of what is
  // beyond them the first, the tenth, the hundredth and so on of each kind have lines.
  static constexpr uint64_t kLinesAnHour = 200;
  static constexpr size_t kLineBytes = 256;

  explicit AuditLog(const std::string& folder) : file_(folder + "/audit.log") {}

  // Adds a line, but for what its `who` did just the same within the last minute. `now_ns` only
  // grows.
  void Add(const AuditEntry& entry, int64_t now_ns) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Kind {
    std::string last;  // as it was written
    int64_t last_ns = 0;
    uint64_t more = 0;
  };
  struct Who {
    uint64_t lines = 0;
    std::map<std::string, Kind> kinds;
  };
  void Rotate() const;
  void Write(const std::string& line) const;

  const std::string file_;
  absl::Mutex mutex_;
  int64_t hour_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Who> whos_ ABSL_GUARDED_BY(mutex_);  // of this hour
};

}  // namespace synergy
