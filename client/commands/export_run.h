// Writes a stored run in a format of client/export, in parts.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/stored_report.h"
#include "client/export/export_writer.h"

namespace synergy {

// Where a file of the format goes; `path` "" is stdout.
struct ExportPlace {
  std::string path;
  bool is_folder = false;
};

// kUsage where the folder cannot be written, or neither it nor the folder that it is to be in
// exists, or one of `files` is there already and not to be replaced.
absl::Status CheckExportFolder(const std::string& folder, const std::vector<std::string>& files,
                               bool replace);

// Shows the writer the run's chunks, as far as they are whole: how many, for WriteScanned, which
// has them written. `flush` is called after each of them. kInterrupted where `stop` asks for an
// end.
absl::StatusOr<uint64_t> ScanRun(const OpenedRun& run, ExportWriter& writer, std::stop_token stop);
absl::Status WriteScanned(const OpenedRun& run, uint64_t whole, ExportWriter& writer,
                          ExportWriter::Texts& texts, const std::function<absl::Status()>& flush,
                          std::stop_token stop);

// As far as the run's chunks are whole. Makes the folder where it is not there; each file is
// replaced as a whole, and none is left half-written, also when `stop` asks for an end
// (kInterrupted). Errors of writing end in kFailedCheck.
absl::Status ExportRun(const OpenedRun& run, ExportWriter& writer, const ExportPlace& place,
                       std::stop_token stop);

}  // namespace synergy
