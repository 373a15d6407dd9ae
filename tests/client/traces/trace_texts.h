// Traces as texts, and the run that they make.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "client/traces/trace_run.h"
#include "common/attribution/run_data.h"

namespace synergy {

// Cuts a text into blocks of `lines` lines.
inline std::vector<std::string> BlocksOf(std::string_view text, size_t lines) {
  std::vector<std::string> blocks;
  size_t in_block = lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (in_block == lines) {
      blocks.emplace_back();
      in_block = 0;
    }
    blocks.back() += text.substr(0, end);
    ++in_block;
    text.remove_prefix(end);
  }
  return blocks;
}

template <typename Table>
absl::Status ScanAll(const std::vector<std::string>& blocks, Table* table) {
  for (const std::string& block : blocks) {
    if (absl::Status status = table->Scan(block); !status.ok()) return status;
  }
  return table->FinishScan();
}

struct Traces {
  std::string samples;
  std::string markers;
  SensorFile sensors = {};
  size_t block_lines = 1000;
  std::string records = {};  // "": without
};

// The chunks that import would store.
inline absl::StatusOr<std::vector<v1::Chunk>> ChunksOf(const Traces& traces) {
  const std::vector<std::string> sample_blocks = BlocksOf(traces.samples, traces.block_lines);
  const std::vector<std::string> marker_blocks = BlocksOf(traces.markers, traces.block_lines);
  SampleTable samples("samples.csv", traces.sensors);
  MarkerTable markers("markers.csv");
  if (absl::Status status = ScanAll(sample_blocks, &samples); !status.ok()) return status;
  if (absl::Status status = ScanAll(marker_blocks, &markers); !status.ok()) return status;
  absl::StatusOr<TraceRun> run =
      TraceRun::Make(samples, markers, traces.sensors,
                     {.run_id = "import-1", .board_id = "b", .net = "", .importer = "test"});
  if (!run.ok()) return run.status();
  if (!traces.records.empty()) {
    absl::StatusOr<TraceRecords> records = ParseTraceRecords(traces.records, "records.jsonl");
    if (!records.ok()) return records.status();
    const absl::Status set = run->SetRecords(*std::move(records), "records.jsonl");
    if (!set.ok()) return set;
  }
  std::vector<v1::Chunk> chunks;
  absl::Status written = run->Write([&](size_t block) { return sample_blocks[block]; },
                                    [&](size_t block) { return marker_blocks[block]; },
                                    [&](v1::Chunk chunk) {
                                      chunks.push_back(std::move(chunk));
                                      return absl::OkStatus();
                                    });
  if (!written.ok()) return written;
  return chunks;
}

inline std::string ErrorOf(const Traces& traces) {
  return std::string(ChunksOf(traces).status().message());
}

// What the store would read of it.
inline RunData DataOf(const Traces& traces) {
  RunData data;
  const absl::StatusOr<std::vector<v1::Chunk>> chunks = ChunksOf(traces);
  EXPECT_TRUE(chunks.ok()) << chunks.status();
  if (!chunks.ok()) return data;
  for (const v1::Chunk& chunk : *chunks) {
    const absl::Status added = data.Add(chunk);
    EXPECT_TRUE(added.ok()) << added;
  }
  EXPECT_NE(data.end(), nullptr);
  return data;
}

}  // namespace synergy
