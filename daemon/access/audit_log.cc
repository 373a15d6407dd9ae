#include "daemon/access/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "common/files.h"
#include "common/printable.h"
#include "fmt/chrono.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr int64_t kMinuteNs = int64_t{60} * 1'000'000'000;

bool IsPowerOfTen(uint64_t count) {
  while (count >= 10 && count % 10 == 0) count /= 10;
  return count == 1;
}

}  // namespace

void AuditLog::Add(const AuditEntry& entry, int64_t now_ns) {
  std::string line = fmt::format("{}: {}", entry.who, entry.what);
  if (!entry.subject.empty()) line += " " + entry.subject;
  if (!entry.refused.empty()) line += ": refused: " + entry.refused;
  line = Printable(line, kLineBytes);
  const absl::MutexLock lock(&mutex_);
  if (const int64_t hour = now_ns / (60 * kMinuteNs); hour != hour_) {
    hour_ = hour;
    whos_.clear();
  }
  Who& who = whos_[entry.who];
  Kind& kind = who.kinds[entry.what + (entry.refused.empty() ? "" : ": refused")];
  const bool again = line == kind.last && now_ns - kind.last_ns < kMinuteNs;
  if (again || who.lines >= kLinesAnHour) {
    ++kind.more;
    if (!IsPowerOfTen(kind.more) || (again && kind.more == 1)) return;
    return Write(fmt::format("{} ({} more of the kind this hour)", line, kind.more));
  }
  ++who.lines;
  kind.last = line;
  kind.last_ns = now_ns;
  Write(line);
}

void AuditLog::Rotate() const {
  struct stat info {};
  if (stat(file_.c_str(), &info) != 0 || info.st_size <= kMaxBytes) return;
  for (int i = kOldFiles; i > 0; --i) {
    const std::string from = i == 1 ? file_ : fmt::format("{}.{}", file_, i - 1);
    rename(from.c_str(), fmt::format("{}.{}", file_, i).c_str());
  }
}

void AuditLog::Write(const std::string& line) const {
  Rotate();
  const UniqueFd fd(open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string text =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {}\n", fmt::gmtime(time(nullptr)), line);
  const absl::Status written =
      fd.ok() ? WriteAll(fd.get(), text, file_) : FileError("Opening", file_, errno);
  if (!written.ok()) spdlog::error("{}; not in the audit log: {}", written.ToString(), text);
}

}  // namespace synergy
