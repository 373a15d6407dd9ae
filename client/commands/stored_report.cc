#include "client/commands/stored_report.h"

#include <fmt/format.h>

#include <utility>

#include "client/commands/exit_code.h"
#include "client/commands/run_resolution.h"
#include "client/store/store_path.h"
#include "common/attribution/integrate.h"
#include "common/attribution/run_data.h"

namespace synergy {

absl::StatusOr<OpenedRun> OpenRun(const std::string& store_option, const std::string& run) {
  const absl::StatusOr<std::string> path = StorePath(store_option, /*create_folder=*/false);
  if (!path.ok()) return path.status();
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(*path, StoreAccess::kRead);
  if (absl::IsNotFound(store.status())) {
    return Ending(ExitCode::kUsage,
                  absl::NotFoundError(fmt::format("there is no run '{}': {}", run,
                                                  std::string(store.status().message()))));
  }
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::vector<StoredRun>> runs = (*store)->Runs();
  if (!runs.ok()) return runs.status();
  absl::StatusOr<StoredRun> found = ResolveRun(*runs, run);
  if (!found.ok()) return Ending(ExitCode::kUsage, found.status());
  return OpenedRun{*std::move(store), *std::move(found)};
}

absl::StatusOr<RunReport> LoadReport(Store& store, const StoredRun& run,
                                     const std::string& method) {
  RunData data;
  const absl::Status read =
      store.ForEachChunk(run.number, [&](const v1::Chunk& chunk) { return data.Add(chunk); });
  if (!read.ok()) return read;
  if (data.header() == nullptr) {
    return Ending(
        ExitCode::kPartial,
        absl::FailedPreconditionError(fmt::format(
            "run {} ({}): nothing of it has come from the board{}{}. {}", run.number, run.run_id,
            run.error.empty() ? "" : ", which says: ", run.error,
            run.unfinished() ? "synergyctl fetch asks the board for it."
                             : "Measure again; synergyctl runs prune --incomplete removes "
                               "what is left of it.")));
  }
  return BuildReport(data, Solve(data), method);
}

}  // namespace synergy
