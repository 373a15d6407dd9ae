// Least squares over a whole run (rail_fit.h), part by part as its records come. A part ends with
// an iteration once it has enough readings or markers; where parts end depends on the records
// alone, not on when they came. Memory: a part's records, and the matrices of the operators. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/attribution/course_totals.h"
#include "common/attribution/least_squares.h"
#include "common/attribution/rail_fit.h"
#include "common/attribution/rail_readings.h"
#include "common/attribution/run_course.h"
#include "common/attribution/run_data.h"
#include "common/attribution/slow_drift.h"
#include "common/attribution/supply_voltage.h"

namespace synergy {

// Thread-compatible. Copies are independent.
class RunFit {
 public:
  // Takes in the parts that `data` has whole. Each time the same data, with more at its end or
  // trimmed by Trim().
  void Advance(const RunData& data);
  // Drops what no later part needs.
  void Trim(RunData* data);
  // Of all of `data`, which Advance() has seen as it is.
  LeastSquares Finish(const RunData& data) const;
  // Measured to their end, likewise.
  uint64_t iterations() const { return totals_.iterations + iteration_ends_.size(); }

 private:
  struct Rail {
    std::string name;
    double gain_tolerance = 0;
    double volts_a_step = 0;  // of a channel of current
    int64_t context_ns = 0;   // by how much its readings' windows may begin before a part
    // Its own integral over the measured time, and its samples' first and last instant.
    double joules = 0;
    std::optional<int64_t> integrated_until_ns;
    std::optional<int64_t> first_ns, last_ns;
  };

  void Scan(const RunData& data);
  std::optional<int64_t> NextEnd(const RunData& data) const;
  RunPart NextPart(const RunData& data, int64_t end_ns) const;
  void AddPart(const RunData& data, int64_t end_ns, bool is_last);
  void Prepare(const std::vector<RailReadings>& readings);
  void NoteContext(const std::vector<RailReadings>& readings);
  void AddVoltages(const RunCourse& course, const std::vector<RailReadings>& readings);
  void AddIntegrals(const RunData& data, bool is_last);
  std::optional<double> IntegralOf(const Rail& rail) const;

  RunPart part_;  // the last one that was taken in
  bool has_part_ = false;
  std::optional<SlowDrift> drift_;
  CourseTotals totals_;
  std::vector<Rail> rails_;                  // in the board's order
  std::vector<std::vector<size_t>> cycles_;  // rails by their places
  std::vector<CycleFit> fits_;               // of each cycle
  std::vector<SupplyVoltage> voltages_;      // of each rail

  // Of the markers that were looked at for the next part's end:
  size_t scanned_ = 0;
  size_t operators_ = 0;                 // how many of operators there are behind the last part
  std::optional<int64_t> crowded_ns_;    // end of the one that makes the part full
  std::vector<int64_t> iteration_ends_;  // behind the last part, rising
  int64_t newest_ns_ = std::numeric_limits<int64_t>::min();
  int64_t first_measured_ns_ = std::numeric_limits<int64_t>::max();
};

}  // namespace synergy
