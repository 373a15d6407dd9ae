// Whether a board was throttled in a span of time, from v1::Conditions as they are polled.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "synergy/v1/records.pb.h"

namespace synergy {

// Thread-compatible. Cores that are off are no throttling: a lease switches them, too, and
// FixedClocks watches those that it fixed.
class ThrottleWatch {
 public:
  void See(const v1::Conditions& now);

  void BeginSpan();
  // A line each: counters that rose in the span, and states (cooling devices that lower clocks)
  // that were above 0 in it.
  std::vector<std::string> EndSpan() const;

 private:
  struct Throttle {
    uint64_t value = 0;
    uint64_t at_begin = 0;  // of the span
    uint64_t highest = 0;   // in it
  };
  std::map<std::string, Throttle> throttles_;  // by what
};

}  // namespace synergy
