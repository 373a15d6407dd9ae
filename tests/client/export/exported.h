// A run's chunks as `export` writes them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/export/export_formats.h"
#include "common/attribution/integrate.h"
#include "common/attribution/run_data.h"

namespace synergy {

inline RunReport ReportOf(const std::vector<v1::Chunk>& chunks) {
  RunData data;
  for (const v1::Chunk& chunk : chunks) EXPECT_TRUE(data.Add(chunk).ok());
  const LeastSquares least_squares = SolveLeastSquares(data);
  auto report =
      BuildReport(data, Solve(data), kMethodLeastSquares, /*meter=*/nullptr, &least_squares);
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

// By file; one where the format is a single one.
inline std::vector<std::string> Written(const std::vector<v1::Chunk>& chunks,
                                        ExportWriter& writer) {
  std::vector<std::string> texts(std::max<size_t>(writer.files().size(), 1));
  for (const v1::Chunk& chunk : chunks) EXPECT_TRUE(writer.Scan(chunk).ok());
  writer.Begin(texts);
  for (const v1::Chunk& chunk : chunks) EXPECT_TRUE(writer.Write(chunk, texts).ok());
  writer.End(texts);
  return texts;
}

inline std::string Exported(const std::vector<v1::Chunk>& chunks, std::string_view format) {
  const RunReport report = ReportOf(chunks);
  return Written(chunks, *MakeExportWriter(format, /*into_folder=*/false, {3, report})).front();
}

}  // namespace synergy
