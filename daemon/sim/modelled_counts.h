// What the CPU's counters would say of a modelled engine's operators.
//
// Per execution, from the operator's features and from draws that are a function of the seed, the
// names and the execution's number (docs/counters.md, "In virtual time"):
//   simd      operations (MACs, or half the FLOPs where there are none) x 0.2454 an operation
//   bus       traffic to memory / 16 bytes; 1 % of noise; what was lost of the cache comes on top
//   llc-miss  the same traffic by lines of 64 bytes
//   cycles    of the cores that are at work, as long as the execution took
// Of simd and of the traffic every operator of a network has a deviation of its own, normal with
// 5 %. It has nothing to do with that of its power, which stays outside of every feature.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "daemon/power/operator_load.h"
#include "daemon/sim/operator_times.h"
#include "synergy/v1/records.pb.h"

namespace synergy::sim {

// Constant after construction.
class ModelledCounts {
 public:
  // `times`: outlives this. InvalidArgument: an event that has no model, or is given twice.
  static absl::StatusOr<ModelledCounts> Make(const std::vector<std::string>& events,
                                             const std::string& net_name,
                                             const v1::OperatorTable& operators, const CpuUse& use,
                                             uint64_t seed, const OperatorTimes& times);

  // Reading costs nothing in virtual time.
  v1::CountedEvents Counted() const;
  // Appends what was counted of an operator's execution; `number`: as of OperatorTimes.
  void Add(const Marker& execution, uint64_t number, v1::EventCounts* rows) const;

 private:
  enum class Event { kSimd, kBus, kLlcMiss, kCycles };
  struct Operator {
    double simd = 0;
    double memory_bytes = 0;
    uint64_t key = 0;
  };
  ModelledCounts(const CpuUse& use, const OperatorTimes& times) : use_(use), times_(&times) {}
  double CountOf(Event event, const Marker& execution, uint64_t number) const;

  CpuUse use_;
  const OperatorTimes* times_;
  std::vector<std::string> names_;
  std::vector<Event> events_;
  std::vector<Operator> operators_;
};

}  // namespace synergy::sim
