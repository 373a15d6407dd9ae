// The runs that `compare` and `gate` are given: numbers, ids or tags, which may be on several runs.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/analysis/comparison.h"
#include "client/commands/quantities.h"
#include "client/store/store.h"

namespace synergy {

struct LoadedRun {
  StoredRun run;
  RunReport report;
};

struct LoadedSides {
  std::vector<LoadedRun> baseline, candidate, others;

  ComparedRuns runs() const;
  // "run 3 (INVALID): no_readings: ...", a line for each run of this verdict on either side.
  std::vector<std::string> WithVerdict(v1::Verdict verdict) const;
  // "run 3 is partial (...): ...", a line for each run that is not whole.
  std::vector<std::string> Partial() const;
  // Of the first runs; and, with "the runs of one side", within a side.
  std::vector<RunDifference> Differences() const;
  // Those of `rails` that every run of both sides has.
  std::vector<std::string> Common(const std::vector<std::string>& rails) const;
  // "run 5 has no rail VDD_IN; it has ...", a line for each run without some of `rails`; then which
  // ones all runs have.
  std::vector<std::string> WithoutRails(const std::vector<std::string>& rails) const;
  // SimulatedNotice of the first run that has one; "".
  std::string Simulated() const;
};

// All that have this tag, or the run that ResolveRun finds. kUsage: there is none.
absl::StatusOr<std::vector<StoredRun>> ResolveRuns(const std::vector<StoredRun>& runs,
                                                   const std::string& text);

// To be read; kUsage where there is none.
absl::StatusOr<std::unique_ptr<Store>> OpenStoredRuns(const std::string& store_option);

// The method by which runs are solved for a metric: times need no least squares.
std::string MethodFor(Metric metric);

// kUsage: no such run, and no tag.
absl::StatusOr<std::vector<LoadedRun>> LoadSide(Store& store, const std::string& text,
                                                Metric metric);

// Where neither side has two runs, `others` become the newest whole ones that are like the
// baseline's in everything that DifferencesOf looks at, and not INVALID.
absl::Status LoadOthers(Store& store, Metric metric, LoadedSides* sides);

// Both sides and the others. kUsage also: a run that is on both sides.
absl::StatusOr<LoadedSides> LoadSides(Store& store, const std::string& baseline,
                                      const std::string& candidate, Metric metric);

// "energy", "time", "edp": as --metric and [gate] have them.
Metric MetricOf(const std::string& name);

// Flags of both commands.
struct ComparedWhat {
  std::optional<Metric> metric = {};  // nothing: energy
  std::string rail = {};              // "": see there
  double between_run = kAssumedBetweenRun;
};
void AddComparedOptions(CLI::App& command, ComparedWhat* what);
// "2%" or "0.02", as `parse` takes it.
void AddShareOption(CLI::App& command, const std::string& flag, double* share,
                    const std::string& help,
                    absl::StatusOr<double> (*parse)(const std::string&) = ParseShare);

// kUsage: a rail, where times are compared.
absl::Status CheckRailOfMetric(Metric metric, const std::string& rail);

// kUsage where there is no rail, or not this one; "": any.
absl::Status CheckRail(const std::vector<std::string>& rails, const std::string& rail);

// The rails to compare: the one that is asked for, or all that the run has. kUsage where it has no
// such rail, or none at all.
absl::StatusOr<std::vector<std::string>> RailsFor(const RunReport& report, const std::string& rail);

// {"given", "runs": [{"number", "id", "verdict"}]}
nlohmann::ordered_json SideJson(const std::string& given, const std::vector<LoadedRun>& runs);

}  // namespace synergy
