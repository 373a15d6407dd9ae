#include "client/export/export_formats.h"

#include <algorithm>
#include <array>

#include "client/export/chrome_writer.h"
#include "client/export/document_writers.h"
#include "client/export/jsonl_writer.h"
#include "client/export/perfetto_writer.h"
#include "client/export/timeline.h"
#include "client/export/trace_files_writer.h"

namespace synergy {
namespace {

constexpr std::array<ExportFormat, 7> kFormats = {{{"perfetto", true},
                                                   {"chrome", false},
                                                   {"csv", false},
                                                   {"json", false},
                                                   {"jsonl", false},
                                                   {"markdown", false},
                                                   {"latex", false}}};

}  // namespace

std::span<const ExportFormat> ExportFormats() { return kFormats; }

const ExportFormat* FindExportFormat(std::string_view name) {
  const auto found = std::ranges::find(kFormats, name, &ExportFormat::name);
  return found == kFormats.end() ? nullptr : &*found;
}

std::vector<std::string> ExportFolderFiles() { return TraceFilesWriter::FileNames(); }

std::unique_ptr<ExportWriter> MakeExportWriter(std::string_view format, bool into_folder,
                                               const ExportedRun& run) {
  if (format == "perfetto") {
    return std::make_unique<Timeline>(run, std::make_unique<PerfettoWriter>());
  }
  if (format == "chrome") return std::make_unique<Timeline>(run, std::make_unique<ChromeWriter>());
  if (format == "csv" && into_folder) return std::make_unique<TraceFilesWriter>(run);
  if (format == "jsonl") return std::make_unique<JsonlWriter>(run);
  DocumentWriter::Text text = JsonDocument;
  if (format == "csv") text = CsvDocument;
  if (format == "markdown") text = MarkdownDocument;
  if (format == "latex") text = LatexDocument;
  return std::make_unique<DocumentWriter>(run, text);
}

}  // namespace synergy
