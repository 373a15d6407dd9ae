#include "client/commands/output_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <set>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/user_file.h"
#include "client/models/not_finite.h"
#include "client/models/npy.h"
#include "common/files.h"
#include "common/protocol.h"
#include "common/tensor_pack.h"

namespace synergy {
namespace {

constexpr std::string_view kSuffix = ".npy";

template <typename... T>
absl::Status Refuse(fmt::format_string<T...> format, T&&... args) {
  return Ending(ExitCode::kUsage,
                absl::InvalidArgumentError(fmt::format(format, std::forward<T>(args)...)));
}

absl::Status Failed(const std::string& why) {
  return Ending(ExitCode::kFailedCheck,
                absl::DataLossError(fmt::format("fetch the outputs: {}", why)));
}

std::string InFileName(std::string blob) {
  for (char& c : blob) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  }
  return blob;
}

// A file without a name, since a pack is mapped; outputs are small beside a host's memory.
absl::StatusOr<UniqueFd> FetchPack(const PackFetcher& fetch) {
  UniqueFd file(memfd_create("outputs", MFD_CLOEXEC));
  if (!file.ok()) return FileError("make room for", "the outputs", errno);
  uint64_t bytes = 0;
  const absl::Status fetched = fetch([&](std::string_view part) {
    bytes += part.size();
    if (bytes > kMaxNetBytes) return Failed("they are larger than 2 GiB");
    return WriteAll(file.get(), part, "the outputs");
  });
  if (!fetched.ok()) return fetched;
  return file;
}

// Whether the file can be made, found out before anything is measured: some folders take none,
// whatever their permissions, and names may be too long.
absl::Status TryToMake(const std::string& path) {
  const UniqueFd made(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (made.ok()) {
    unlink(path.c_str());
    return absl::OkStatus();
  }
  return errno == EEXIST ? absl::OkStatus()
                         : Ending(ExitCode::kUsage, FileError("write", path, errno));
}

absl::Status WriteArray(const TensorView& tensor, const std::string& path) {
  const absl::StatusOr<std::string> prefix = NpyPrefix(tensor.type, tensor.dims);
  if (!prefix.ok()) return prefix.status();
  return WriteOutputFile(path, {*prefix, tensor.bytes});
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> PlanOutputFiles(
    const std::string& path, const std::vector<std::string>& outputs) {
  if (!HasSuffix(path, kSuffix)) {
    return Refuse("--outputs {}: outputs are written as .npy; give a name with that suffix", path);
  }
  if (absl::Status status = CheckOutputPath(path); !status.ok()) return status;
  std::map<std::string, std::string> files;
  std::set<std::string> taken;
  for (const std::string& blob : outputs) {
    std::string file = path;
    if (outputs.size() > 1) {
      file = fmt::format("{}.{}{}", path.substr(0, path.size() - kSuffix.size()), InFileName(blob),
                         kSuffix);
    }
    if (!taken.insert(file).second) {
      return Refuse(
          "--outputs {}: two outputs would be written to {}; rename one of them in the "
          "net",
          path, file);
    }
    if (absl::Status status = TryToMake(file); !status.ok()) return status;
    files.emplace(blob, std::move(file));
  }
  return files;
}

absl::StatusOr<std::vector<std::string>> FetchOutputFiles(
    const std::map<std::string, std::string>& files, const PackFetcher& fetch) {
  const absl::StatusOr<UniqueFd> file = FetchPack(fetch);
  if (!file.ok()) return file.status();
  const absl::StatusOr<MappedTensorPack> pack = MappedTensorPack::MapUntrusted(file->get());
  if (!pack.ok()) return Failed(std::string(pack.status().message()));
  std::vector<std::string> notes;
  for (const auto& [blob, path] : files) {
    const auto tensor = std::find_if(pack->tensors().begin(), pack->tensors().end(),
                                     [&](const TensorView& t) { return t.name == blob; });
    if (tensor == pack->tensors().end()) {
      return Failed(fmt::format("the board has none called '{}'", blob));
    }
    if (absl::Status written = WriteArray(*tensor, path); !written.ok()) {
      return Ending(ExitCode::kFailedCheck, written);
    }
    notes.push_back(fmt::format("output '{}' is in {}", blob, path));
    if (const std::string odd = NotFinite(*tensor); !odd.empty()) {
      notes.push_back(fmt::format("output '{}' has values that are not finite: {}", blob, odd));
    }
  }
  return notes;
}

}  // namespace synergy
