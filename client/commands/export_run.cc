#include "client/commands/export_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <filesystem>
#include <functional>
#include <system_error>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/output_file.h"
#include "client/commands/user_file.h"
#include "common/files.h"

namespace synergy {
namespace {

constexpr size_t kFlushBytes = 1u << 20;

// The format's texts on their way to their files, or to stdout.
class Outputs {
 public:
  absl::Status Open(const ExportPlace& place, const std::vector<std::string>& files) {
    texts_.resize(std::max<size_t>(files.size(), 1));
    if (place.path.empty()) return absl::OkStatus();
    if (place.is_folder && ::mkdir(place.path.c_str(), 0777) != 0 && errno != EEXIST) {
      return Ending(ExitCode::kFailedCheck, FileError("make the folder", place.path, errno));
    }
    if (!place.is_folder) files_.emplace_back(place.path);
    for (const std::string& file : files) {
      files_.emplace_back((std::filesystem::path(place.path) / file).string());
    }
    for (OutputFile& file : files_) {
      if (absl::Status status = file.Open(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  ExportWriter::Texts& texts() { return texts_; }

  absl::Status Flush(size_t least) {
    for (size_t i = 0; i < texts_.size(); ++i) {
      if (texts_[i].size() < least) continue;
      const absl::Status written =
          files_.empty() ? WriteStdout(texts_[i]) : files_[i].Write(texts_[i]);
      if (!written.ok()) return written;
      texts_[i].clear();
    }
    return absl::OkStatus();
  }

  absl::Status Commit() {
    absl::Status status = Flush(0);
    for (OutputFile& file : files_) {
      if (status.ok()) status = file.Commit();
    }
    return status;
  }

 private:
  ExportWriter::Texts texts_;
  std::deque<OutputFile> files_;  // none: stdout
};

// Calls visit with the first `most` chunks, up to one that is missing or that visit does not take:
// LoadReport has said what is wrong with that. How many it took.
absl::StatusOr<uint64_t> VisitWhole(const OpenedRun& run, uint64_t most, std::stop_token stop,
                                    const std::function<absl::Status(const v1::Chunk&)>& visit) {
  uint64_t taken = 0;
  const absl::Status enough = absl::OutOfRangeError("enough");
  const absl::Status read =
      run.store->ForEachChunk(run.run.number, [&](const v1::Chunk& chunk) -> absl::Status {
        if (stop.stop_requested()) {
          return Ending(ExitCode::kInterrupted,
                        absl::CancelledError("stopped; nothing is written"));
        }
        if (taken == most || chunk.seq() != taken) return enough;
        if (absl::Status status = visit(chunk); !status.ok()) return status;
        ++taken;
        return absl::OkStatus();
      });
  if (read.ok() || absl::IsDataLoss(read) || absl::IsOutOfRange(read)) return taken;
  return read;
}

}  // namespace

absl::Status CheckExportFolder(const std::string& folder, const std::vector<std::string>& files,
                               bool replace) {
  std::error_code error;
  const std::filesystem::path path(folder);
  if (std::filesystem::is_directory(path, error)) {
    for (const std::string& name : files) {
      const std::string file = path / name;
      // A dangling link is there too.
      if (!replace && ::faccessat(AT_FDCWD, file.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return Ending(ExitCode::kUsage,
                      absl::AlreadyExistsError(fmt::format(
                          "write {}: it is there already; nothing was written. Choose another "
                          "folder, or --force to replace its traces.",
                          file)));
      }
    }
    return CheckOutputPath(path / files.front());
  }
  if (std::filesystem::exists(path, error)) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format("write {}: it is no folder", folder)));
  }
  return CheckOutputPath(path.has_filename() ? folder : path.parent_path().string());
}

absl::StatusOr<uint64_t> ScanRun(const OpenedRun& run, ExportWriter& writer, std::stop_token stop) {
  if (!writer.wants_chunks()) return 0;
  return VisitWhole(run, UINT64_MAX, stop,
                    [&](const v1::Chunk& chunk) { return writer.Scan(chunk); });
}

absl::Status WriteScanned(const OpenedRun& run, uint64_t whole, ExportWriter& writer,
                          ExportWriter::Texts& texts, const std::function<absl::Status()>& flush,
                          std::stop_token stop) {
  writer.Begin(texts);
  absl::Status written;
  const auto write = [&](const v1::Chunk& chunk) -> absl::Status {
    if (absl::Status status = writer.Write(chunk, texts); !status.ok()) return status;
    return written = flush();
  };
  const absl::StatusOr<uint64_t> again = VisitWhole(run, whole, stop, write);
  if (!written.ok()) return written;
  if (!again.ok()) return again.status();
  writer.End(texts);
  return absl::OkStatus();
}

absl::Status ExportRun(const OpenedRun& run, ExportWriter& writer, const ExportPlace& place,
                       std::stop_token stop) {
  const absl::StatusOr<uint64_t> whole = ScanRun(run, writer, stop);
  if (!whole.ok()) return whole.status();
  Outputs outputs;
  if (absl::Status status = outputs.Open(place, writer.files()); !status.ok()) return status;
  const auto flush = [&] { return outputs.Flush(kFlushBytes); };
  absl::Status status = WriteScanned(run, *whole, writer, outputs.texts(), flush, stop);
  if (status.ok()) status = outputs.Commit();
  if (!status.ok()) return status;
  if (const std::string left_out = writer.left_out(); !left_out.empty()) PrintNote(left_out);
  return absl::OkStatus();
}

}  // namespace synergy
