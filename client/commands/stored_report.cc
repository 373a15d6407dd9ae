#include "client/commands/stored_report.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "client/commands/exit_code.h"
#include "client/commands/run_resolution.h"
#include "client/commands/stored_meter.h"
#include "client/store/store_path.h"
#include "common/attribution/integrate.h"
#include "common/attribution/run_data.h"
#include "common/run_codes.h"

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

namespace {

// The board has been told that they are safe here: asking it again brings nothing.
constexpr const char* kDamageRemedy = "Restore the store from a copy, or measure again.";

// Takes the run's chunks up to the first one that is damaged or missing, and says which one that
// is and what to do; "" where all are there. Errors: a store that cannot be read now.
absl::StatusOr<std::string> ReadChunks(Store& store, const StoredRun& run, RunData* data) {
  absl::Status damaged;
  const absl::Status read = store.ForEachChunk(
      run.number, [&](const v1::Chunk& chunk) { return damaged = data->Add(chunk); });
  if (absl::IsOutOfRange(damaged) || (read.ok() && data->next_seq() < run.next_seq)) {
    return fmt::format("chunk {} of {} is missing. {}", data->next_seq(), run.next_seq,
                       kDamageRemedy);
  }
  if (!damaged.ok()) {
    return fmt::format("chunk {} of {} is damaged ({}). {}", data->next_seq(), run.next_seq,
                       std::string(damaged.message()), kDamageRemedy);
  }
  if (absl::IsDataLoss(read)) return std::string(read.message());
  if (!read.ok()) return read;
  return std::string();
}

// What is not read because of the damage was there: its end as well, where the run was complete.
void AddDamage(const StoredRun& run, const std::string& said, const std::string& damage,
               RunReport* report) {
  report->partial = true;
  report->damage = said;
  report->verdict = v1::VERDICT_INVALID;
  if (run.complete) {
    std::erase_if(report->reasons, [](const std::string& reason) {
      return HasCode(reason, ReasonCode::kIncomplete);
    });
  }
  report->reasons.push_back(Reason(ReasonCode::kStoreDamaged, damage));
}

absl::Status NothingCame(const StoredRun& run) {
  return Ending(ExitCode::kPartial,
                absl::FailedPreconditionError(fmt::format(
                    "run {} ({}): nothing of it has come from the board{}{}. {}", run.number,
                    run.run_id, run.error.empty() ? "" : ", which says: ", run.error,
                    run.unfinished() ? "synergyctl fetch asks the board for it."
                                     : "Measure again; synergyctl runs prune --incomplete removes "
                                       "what is left of it.")));
}

}  // namespace

absl::StatusOr<RunReport> LoadReport(Store& store, const StoredRun& run, const std::string& method,
                                     const RecordLimits& limits) {
  RunData data;
  const absl::StatusOr<std::string> damage = ReadChunks(store, run, &data);
  if (!damage.ok()) return damage.status();
  const std::string said =
      damage->empty() ? "" : fmt::format("run {} in {}: {}", run.number, store.path(), *damage);
  if (data.header() == nullptr) {
    return said.empty() ? NothingCame(run) : Ending(ExitCode::kRefused, absl::DataLossError(said));
  }
  std::string meter_damage;
  const auto loaded = LoadMeter(store, run.number, &meter_damage);
  if (!loaded.ok()) return loaded.status();
  const HostMeter* const meter = *loaded ? &(*loaded)->host : nullptr;
  std::optional<LeastSquares> least_squares;
  if (method == kMethodLeastSquares) least_squares = SolveLeastSquares(data);
  absl::StatusOr<RunReport> report =
      BuildReport(data, meter != nullptr ? SolveWithMeter(data, *meter) : Solve(data), method,
                  meter, least_squares ? &*least_squares : nullptr);
  if (report.ok()) JudgeRecords(limits, &*report);
  if (report.ok() && !meter_damage.empty()) {
    report->reasons.push_back(Reason(ReasonCode::kStoreDamaged, meter_damage));
    if (report->verdict == v1::VERDICT_VALID) report->verdict = v1::VERDICT_SUSPECT;
  }
  if (report.ok() && !said.empty()) AddDamage(run, said, *damage, &*report);
  return report;
}

}  // namespace synergy
