// What a run says, ready to be shown: every number of the tables, the JSON and the CSV, without a
// format. Pure. Seconds, joules, watts; energies by rail are in the order of RunReport::rails().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/analysis/host_meter.h"
#include "client/analysis/observer_json.h"
#include "client/analysis/run_conditions.h"
#include "common/attribution/integrate.h"
#include "common/attribution/least_squares.h"
#include "common/attribution/run_data.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

inline constexpr std::string_view kMethodLeastSquares = "least-squares";
inline constexpr std::string_view kMethodIntegrate = "integrate";

// How often an event happened in an execution of an operator.
struct MeanCount {
  double mean = 0;
  std::optional<double> sd;  // of an execution; absent: there was one
  uint64_t executions = 0;   // in which it was counted
};

// One operator: what it is, as the engine reported it, and what one execution costs.
struct OpReport {
  v1::OperatorInfo info;  // index and a made-up name where the engine's table never came
  OperatorResult result;
  // By rail, of the method least-squares; no value where the rail's readings say nothing of
  // operators. Of an operator in a group `result` has no energy.
  std::vector<std::optional<OperatorEnergy>> estimate;
  // By event of RunReport::counted; no value where it never was on the counters.
  std::vector<std::optional<MeanCount>> counts = {};

  // Of the mean execution; absent where a part is unknown.
  std::optional<double> power_w(size_t rail) const;
  std::optional<double> flops_per_s() const;
};

// All operators of a type or of a module, for one inference.
struct GroupReport {
  std::string name;
  uint32_t operators = 0;
  double time_s = 0;
  double time_share = 0;
  RailEnergies energy_j;      // absent where it is absent for one of them
  RailEnergies energy_share;  // likewise
  // By rail, of the method least-squares; also where an operator's own energy is absent, but not
  // where some operators of a GroupEnergy are in here and others are not.
  std::vector<std::optional<Estimate>> estimate;
  std::optional<int64_t> macs;
};

// What the phases of a run took, by rail; absent where it is not known.
struct PhaseEnergies {
  using ByRail = std::vector<std::optional<Estimate>>;
  // The plain integral. Its interval is that of the mean of as many independent readings as the
  // sensor could give in that time, and half a step.
  ByRail setup, warmup;
  ByRail inference;  // all operators of the measured iterations, of the method least-squares
  // Likewise: the time in no operator, at the powers between operators and of the idle phases.
  ByRail idle;
  // What the four leave of the whole, which is integrated on its own.
  RailEnergies unattributed_j;
};

// What one inference costs on a rail: all operators of one iteration. Intervals only of the method
// least-squares.
struct InferenceReport {
  std::optional<Estimate> energy_j;  // without a width where there is no interval
  bool has_interval = false;
  std::optional<double> energy_delay_js;       // energy times the iteration's wall time
  std::optional<Estimate> inferences_per_j;    // absent where the energy may be nothing
  std::optional<Estimate> gflops_per_s_per_w;  // GFLOP/J; absent where an operator's FLOPs are
};

// What one inference costs on the rails that together stand for the board (whole_rails.h).
struct WholeInference {
  std::vector<size_t> rails;                         // one, or several that are added up
  v1::RailScope scope = v1::RAIL_SCOPE_UNSPECIFIED;  // of each of them
  InferenceReport inference = {};                    // the rails' intervals taken as independent
  // By what share all of it may be off besides, if all rails are to one side; absent: not known.
  std::optional<double> calibration = {};
};

// Over all sources of the board: the slowest one's rates, the sum of what is missing.
struct SamplingReport {
  double requested_hz = 0;
  std::optional<double> achieved_hz;  // absent for a run without an end record
  std::optional<double> fresh_hz;     // likewise; a lower bound
  std::optional<uint64_t> ticks;      // likewise
  uint64_t missed = 0;                // deadlines that the sampler came too late for
  uint64_t failed = 0;                // reads
  std::vector<v1::SourceStats> sources;
};

// One operator, repeated back to back after the measured iterations (client/analysis/loop_check.h).
struct LoopCheck {
  uint32_t op = 0;
  std::string name = {};
  uint64_t executions = 0;  // but for those of the last millisecond; 0: it never ran
  double time_s = 0;        // of one of them
  std::optional<double> network_time_s = {};  // of one in the measured iterations
  struct Rail {
    std::string rail;
    std::optional<Estimate> looped_j = {};      // of one execution
    std::optional<Estimate> attributed_j = {};  // by least squares, where it stands alone
    std::optional<Estimate> difference_j = {};  // looped less attributed; where both are there
    // The mean powers of these: what stays the same where an execution takes longer in one of them.
    std::optional<Estimate> looped_w = {}, attributed_w = {}, difference_w = {};
    bool agrees() const { return HasZero(difference_j); }
    bool powers_agree() const { return HasZero(difference_w); }
    static bool HasZero(const std::optional<Estimate>& difference) {
      return difference && difference->low <= 0 && difference->high >= 0;
    }
  };
  std::vector<Rail> rails = {};
};

struct RunReport {
  v1::RunHeader header;
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;  // unspecified: the run has no end record
  std::string error;
  bool partial = false;  // not all that was asked for is here
  std::string damage;    // what is wrong with the stored records; what comes after it is missing
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;
  std::vector<std::string> reasons;  // "code: words"
  std::string method;
  Attribution attribution;  // totals and windows; its ops are in `ops`, with their names
  // By rail, of the method least-squares; empty with another one. No value: a rail of a meter.
  std::vector<std::optional<RailEnergy>> estimates;
  std::vector<uint32_t> estimated_ops;  // the operators of RailEnergy::ops; rising
  std::vector<OpReport> ops;
  std::vector<GroupReport> types;    // dearest first
  std::vector<GroupReport> modules;  // in the order of execution; see ModuleOf
  PhaseEnergies phases;
  std::vector<InferenceReport> per_inference;  // by rail
  std::optional<WholeInference> whole;  // absent where not all of its rails' energies are known
  std::optional<int64_t>
      flops;  // of one inference; absent where those of an operator are not known
  SamplingReport sampling;
  std::vector<v1::Gap> gaps;
  std::vector<v1::Notice> notices;
  std::optional<v1::RunEnd> end;         // absent: it never came
  std::optional<v1::ClockLease> clocks;  // that the job asked for, and what it got
  RunConditions conditions;
  std::optional<LoopCheck> loop;
  std::optional<v1::CountedEvents> counted;  // absent: no events were
  std::optional<v1::MeterRecord> meter;      // on the host; its rails are among rails()

  const std::vector<std::string>& rails() const { return attribution.rails; }
  // The rail that contains the others: what "the" energy of an operator is. Where none does, of the
  // rails beside each other the one that took most. Absent on a board without rails.
  std::optional<size_t> top_rail() const;
  // For an estimate of what measuring itself took. Absent without an idle phase or a top rail.
  std::optional<BusyCores> busy_cores() const;
};

// FailedPrecondition where not even the run's header is there. `meter`: of a run that was measured
// with one, whose rails are in `attribution` (SolveWithMeter). `least_squares`: null with the
// method integrate; else its energies take the place of those in `attribution`.
absl::StatusOr<RunReport> BuildReport(const RunData& data, Attribution attribution,
                                      std::string_view method = kMethodIntegrate,
                                      const HostMeter* meter = nullptr,
                                      const LeastSquares* least_squares = nullptr);

// The part of the network that an operator belongs to: its name up to the last '/', as published
// models name them ("fire2/expand3x3" is in fire2); a name without one is its own module.
std::string_view ModuleOf(std::string_view op_name);

enum class OpOrder { kIndex, kTime, kEnergy };
// Dearest first for time and energy (of the top rail; time where there is none).
void SortOps(OpOrder order, RunReport* report);

}  // namespace synergy
