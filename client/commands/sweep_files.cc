#include "client/commands/sweep_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "client/commands/exit_code.h"
#include "client/commands/user_file.h"
#include "common/files.h"
#include "common/sha256.h"

namespace synergy {
namespace {

constexpr size_t kReadAtOnce = 1u << 20;

absl::StatusOr<std::string> HashOf(const std::string& path) {
  const absl::StatusOr<UniqueFd> file = OpenForReading(path);
  if (!file.ok()) return file.status();
  Sha256 hash;
  std::string part(kReadAtOnce, '\0');
  while (true) {
    const ssize_t size = read(file->get(), part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FileError("read", path, errno);
    if (size == 0) return absl::BytesToHexString(hash.Finish());
    hash.Update(std::string_view(part).substr(0, static_cast<size_t>(size)));
  }
}

}  // namespace

absl::StatusOr<FileHashes> HashFiles(const std::set<std::string>& paths) {
  FileHashes hashes;
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> hash = HashOf(path);
    if (!hash.ok()) return Ending(ExitCode::kUsage, hash.status());
    const std::filesystem::path given(path);
    std::error_code error;
    const auto folder = std::filesystem::canonical(
        given.has_parent_path() ? given.parent_path() : std::filesystem::path("."), error);
    hashes[folder / given.filename()] = *hash;
  }
  return hashes;
}

absl::Status CheckUnchanged(const StoredSweep& sweep, const FileHashes& now) {
  for (const auto& [path, hash] : now) {
    const auto planned = sweep.files.find(path);
    if (planned != sweep.files.end() && planned->second == hash) continue;
    return AboutFile(
        path, absl::FailedPreconditionError(fmt::format(
                  "it has changed since sweep {} ({}) was planned, and what is measured would no "
                  "longer be one network: put the file back as it was, or begin a new sweep with "
                  "submit --restart",
                  sweep.sweep, sweep.name)));
  }
  return absl::OkStatus();
}

}  // namespace synergy
