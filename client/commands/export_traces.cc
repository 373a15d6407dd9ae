#include "client/commands/export_traces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "client/analysis/simulated_notice.h"
#include "client/commands/exit_code.h"
#include "client/commands/user_file.h"
#include "client/traces/trace_export.h"
#include "client/traces/trace_rows.h"
#include "common/files.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

constexpr size_t kFlushBytes = 1u << 20;
constexpr std::array<const char*, 3> kFileNames = {"samples.csv", "markers.csv", "sensor.toml"};

// A file that is written in parts and takes its name when it is whole.
class GrowingFile {
 public:
  explicit GrowingFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {}
  ~GrowingFile() {
    if (fd_.ok()) ::unlink(part_.c_str());
  }
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  absl::Status Open() {
    fd_ = UniqueFd(::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    return fd_.ok() ? absl::OkStatus() : Failed(FileError("write", part_, errno));
  }
  std::string& text() { return text_; }
  absl::Status Flush(size_t least) {
    if (text_.size() < least) return absl::OkStatus();
    const absl::Status written = WriteAll(fd_.get(), text_, part_);
    text_.clear();
    return Failed(written);
  }
  absl::Status Close() {
    if (absl::Status status = Flush(0); !status.ok()) return status;
    if (::rename(part_.c_str(), path_.c_str()) != 0) {
      return Failed(FileError("write", path_, errno));
    }
    fd_.reset();
    return absl::OkStatus();
  }

 private:
  static absl::Status Failed(const absl::Status& status) {
    return Ending(ExitCode::kFailedCheck, status);
  }

  const std::string path_;
  const std::string part_;
  UniqueFd fd_;
  std::string text_;
};

// Calls visit with the first `most` chunks, up to one that is missing or that visit does not take:
// LoadReport has said what is wrong with that. How many it took.
absl::StatusOr<uint64_t> VisitWhole(const OpenedRun& run, uint64_t most,
                                    const std::function<absl::Status(const v1::Chunk&)>& visit) {
  uint64_t taken = 0;
  const absl::Status enough = absl::CancelledError("enough");
  const absl::Status read =
      run.store->ForEachChunk(run.run.number, [&](const v1::Chunk& chunk) -> absl::Status {
        if (taken == most || chunk.seq() != taken) return enough;
        if (absl::Status status = visit(chunk); !status.ok()) return status;
        ++taken;
        return absl::OkStatus();
      });
  if (read.ok() || absl::IsDataLoss(read) || absl::IsCancelled(read)) return taken;
  return read;
}

}  // namespace

absl::Status CheckTracesFolder(const std::string& folder, bool replace) {
  std::error_code error;
  const std::filesystem::path path(folder);
  if (std::filesystem::is_directory(path, error)) {
    for (const char* name : kFileNames) {
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
    return CheckOutputPath(path / kFileNames.front());
  }
  if (std::filesystem::exists(path, error)) {
    return Ending(ExitCode::kUsage,
                  absl::InvalidArgumentError(fmt::format("write {}: it is no folder", folder)));
  }
  return CheckOutputPath(path.has_filename() ? folder : path.parent_path().string());
}

absl::Status ExportTraces(const OpenedRun& run, const RunReport& report,
                          const std::string& folder) {
  TraceExport traces;
  const absl::StatusOr<uint64_t> whole =
      VisitWhole(run, UINT64_MAX, [&](const v1::Chunk& chunk) { return traces.Scan(chunk); });
  if (!whole.ok()) return whole.status();
  const std::filesystem::path path(folder);
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    return Ending(ExitCode::kFailedCheck, FileError("make the folder", folder, errno));
  }
  GrowingFile samples(path / kFileNames[0]), markers(path / kFileNames[1]);
  for (GrowingFile* file : {&samples, &markers}) {
    if (absl::Status status = file->Open(); !status.ok()) return status;
  }
  const std::string notice = SimulatedNotice(report.header.board());
  const std::string mark = notice.empty() ? "" : fmt::format("# {}\n", notice);
  samples.text() = mark + SampleHeaderLine();
  markers.text() = mark + MarkerHeaderLine() + traces.PhaseRows();
  absl::Status written;
  const absl::StatusOr<uint64_t> again =
      VisitWhole(run, *whole, [&](const v1::Chunk& chunk) -> absl::Status {
        if (absl::Status status = traces.Write(chunk, &samples.text(), &markers.text());
            !status.ok()) {
          return status;
        }
        written = samples.Flush(kFlushBytes);
        if (written.ok()) written = markers.Flush(kFlushBytes);
        return written;
      });
  if (!written.ok()) return written;
  if (!again.ok()) return again.status();
  SensorFile sensors = traces.Sensors();
  sensors.origin.verdict = report.verdict;
  sensors.origin.reasons = report.reasons;
  GrowingFile sensor(path / kFileNames[2]);
  if (absl::Status status = sensor.Open(); !status.ok()) return status;
  sensor.text() = SensorFileText(sensors);
  for (GrowingFile* file : {&samples, &markers, &sensor}) {
    if (absl::Status status = file->Close(); !status.ok()) return status;
  }
  if (report.meter) PrintNote("the rails of the host's meter are left out");
  return absl::OkStatus();
}

}  // namespace synergy
