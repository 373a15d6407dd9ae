// The formats of `export`. Pure.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/export/export_writer.h"

namespace synergy {

struct ExportFormat {
  std::string_view name;
  bool is_binary;  // not for a terminal
};

// "perfetto", "chrome", "csv", ...
std::span<const ExportFormat> ExportFormats();
// Null: there is none of this name.
const ExportFormat* FindExportFormat(std::string_view name);

// What csv writes into a folder: the files that `import` reads.
std::vector<std::string> ExportFolderFiles();

// `into_folder`: of csv, these files instead of the operators' table. The run's
// report outlives the writer; `format` is one of the above.
std::unique_ptr<ExportWriter> MakeExportWriter(std::string_view format, bool into_folder,
                                               const ExportedRun& run);

}  // namespace synergy
