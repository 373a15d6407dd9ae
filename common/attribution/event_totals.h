// What was counted of a run's operators (v1::EventCounts), added up. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "synergy/v1/records.pb.h"

namespace synergy {

// Of the executions of an operator in which an event was counted.
struct EventTotals {
  uint64_t executions = 0;
  double sum = 0, squares = 0;
};

// By operator and event.
using OperatorEvents = std::map<std::pair<uint32_t, uint32_t>, EventTotals>;

// `rows` are what CheckCounts takes.
inline void AddCounts(const v1::EventCounts& rows, OperatorEvents* totals) {
  for (int i = 0; i < rows.count_size(); ++i) {
    EventTotals& event = (*totals)[{rows.op(i), rows.event(i)}];
    const auto count = static_cast<double>(rows.count(i));
    ++event.executions;
    event.sum += count;
    event.squares += count * count;
  }
}

}  // namespace synergy
