#include "tests/support/played_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/files.h"
#include "daemon/sampling/spool.h"

namespace synergy {

Truth TruthOf(const v1::RunTruth& truth, const std::string& rail) {
  Truth mean;
  const auto place = std::ranges::find(truth.rails(), rail) - truth.rails().begin();
  std::map<uint32_t, double> executions;
  for (const v1::OperatorTruth& op : truth.operators()) {
    mean.energy_j[op.op()] += op.energy_j(static_cast<int>(place));
    mean.seconds[op.op()] += 1e-9 * static_cast<double>(op.end_ns() - op.begin_ns());
    executions[op.op()] += 1;
  }
  for (auto& [op, count] : executions) {
    mean.energy_j[op] /= count;
    mean.seconds[op] /= count;
  }
  return mean;
}

absl::StatusOr<Played> Play(const ZooEntry& entry, const sim::VirtualRunOptions& options) {
  const std::string path =
      fmt::format("{}/played-{}.spool", std::filesystem::temp_directory_path().string(), getpid());
  Played played;
  const absl::StatusOr<Model> model = entry.build(1, 1);
  if (!model.ok()) return model.status();
  auto run = sim::PlayVirtualRun(options, *model, 1, path);
  if (!run.ok()) return run.status();
  played.truth = std::move(run->truth);
  absl::StatusOr<UniqueFd> file = OpenForReading(path);
  if (!file.ok()) return file.status();
  SpoolReader reader(*std::move(file));
  v1::Chunk chunk;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(&chunk);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (absl::Status added = played.data.Add(chunk); !added.ok()) return added;
  }
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".truth");
  return played;
}

}  // namespace synergy
