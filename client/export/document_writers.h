// Formats that are made of a run's report alone. Pure.
#pragma once

#include <string>

#include "client/export/export_writer.h"
#include "client/export/result_tables.h"

namespace synergy {

// One that is written at once, by a function of the run.
class DocumentWriter : public ExportWriter {
 public:
  using Text = std::string (*)(const ExportedRun&);
  DocumentWriter(const ExportedRun& run, Text text) : run_(run), text_(text) {}

  bool wants_chunks() const override { return false; }
  void Begin(Texts& out) override { out.front() += text_(run_); }

 private:
  const ExportedRun run_;
  const Text text_;
};

// The document of `show --json`.
std::string JsonDocument(const ExportedRun& run);
// A row per operator (client/analysis/report_csv.h).
std::string CsvDocument(const ExportedRun& run);
// GitHub's Markdown: no name of a run makes markup, links or mentions.
std::string MarkdownDocument(const ExportedRun& run);
// Tables for \input, with booktabs.
std::string LatexDocument(const ExportedRun& run);

std::string MarkdownText(std::string_view text);
std::string LatexText(std::string_view text);

}  // namespace synergy
