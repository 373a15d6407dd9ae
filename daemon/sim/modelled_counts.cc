#include "daemon/sim/modelled_counts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "common/counter_noise.h"

namespace synergy::sim {
namespace {

constexpr std::string_view kNames[] = {"simd", "bus", "llc-miss", "cycles"};  // as Event

constexpr double kDeviation = 0.05;
constexpr double kTrafficNoise = 0.01;
constexpr double kLineBytes = 64;

// Keys of the draws of one operator.
constexpr uint64_t kSimdKey = 1, kTrafficKey = 2;

double DeviationOf(uint64_t key, uint32_t op) {
  constexpr double kCut = 2.5;
  return 1 + kDeviation * std::clamp(NormalDraw(key, op), -kCut, kCut);
}

}  // namespace

absl::StatusOr<ModelledCounts> ModelledCounts::Make(const std::vector<std::string>& events,
                                                    const std::string& net_name,
                                                    const v1::OperatorTable& operators,
                                                    const CpuUse& use, uint64_t seed,
                                                    const OperatorTimes& times) {
  ModelledCounts counts(use, times);
  for (const std::string& name : events) {
    const auto* const found = std::ranges::find(kNames, name);
    if (found == std::end(kNames)) {
      return absl::InvalidArgumentError(
          fmt::format("--events {}: in virtual time there are {}", name, fmt::join(kNames, ", ")));
    }
    if (std::ranges::find(counts.names_, name) != counts.names_.end()) {
      return absl::InvalidArgumentError(fmt::format("--events: {} is given twice", name));
    }
    counts.names_.push_back(name);
    counts.events_.push_back(static_cast<Event>(found - std::begin(kNames)));
  }
  const uint64_t run_key = MixHash(seed, "operator counts");
  for (const v1::OperatorInfo& op : operators.operators()) {
    const OperatorWork work = WorkOf(op);
    // As the power's: the same in every run.
    const uint64_t key = MixHash(MixHash(MixHash(0, "counts"), net_name), op.name());
    counts.operators_.push_back(
        {.simd =
             work.operations * kSimdPerOperation * DeviationOf(MixHash(key, kSimdKey), op.index()),
         .memory_bytes = work.memory_bytes * DeviationOf(MixHash(key, kTrafficKey), op.index()),
         .key = MixHash(run_key, op.index())});
  }
  return counts;
}

v1::CountedEvents ModelledCounts::Counted() const {
  v1::CountedEvents counted;
  for (const std::string& name : names_) {
    v1::CountedEvents::Event& event = *counted.add_events();
    event.set_name(name);
    event.set_unit("modelled");
    event.set_code(name);
  }
  counted.set_groups(1);
  counted.set_threads(std::clamp(use_.threads, 1u, use_.cores));
  counted.set_by_mapping(true);
  return counted;
}

void ModelledCounts::Add(const Marker& execution, uint64_t number, v1::EventCounts* rows) const {
  for (size_t i = 0; i < events_.size(); ++i) {
    rows->add_iteration(execution.iteration);
    rows->add_op(execution.op);
    rows->add_event(static_cast<uint32_t>(i));
    rows->add_count(static_cast<uint64_t>(std::llround(CountOf(events_[i], execution, number))));
  }
}

double ModelledCounts::CountOf(Event event, const Marker& execution, uint64_t number) const {
  const Operator& op = operators_[execution.op];
  if (event == Event::kSimd) return op.simd;
  if (event == Event::kCycles) {
    return 1e-9 * static_cast<double>(execution.end_ns - execution.begin_ns) * CoresAtWork(use_) *
           use_.frequency_hz;
  }
  double bytes = op.memory_bytes * (1 + kTrafficNoise * NormalDraw(op.key, number));
  if (times_->LosesCache(execution.op, number)) bytes *= kCliffFactor;
  return std::max(bytes, 0.0) / (event == Event::kBus ? kBusBytes : kLineBytes);
}

}  // namespace synergy::sim
