// Whether clocks and cores that a lease has fixed stay as they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/run_codes.h"
#include "daemon/clocks/device_clocks.h"
#include "synergy/v1/clocks.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// What of v1::Conditions::throttles tells that a core is off (1) or on (0): "cpu3 off".
std::string CoreOffName(const std::string& core);

// Thread-compatible.
class FixedClocks {
 public:
  // Those whose limits were both set, to the same; those of `watched` that the lease overrides;
  // cores that it has switched, or that were to stay on.
  FixedClocks(const v1::ClockLease& lease, const std::vector<WatchedClock>& watched);

  // What has left its place or is back there. Clocks by more than 1 %: what drivers compute from
  // counters is never exact. One that cannot be read has left it.
  struct Change {
    std::string name;                         // of the clock or the core
    std::optional<v1::ClockChange> of_clock;  // nothing: a core
    NoticeCode code = NoticeCode::kClockMoved;
    std::string text;  // "": it is back
  };
  std::vector<Change> Check(const v1::Conditions& now);
  // Everything was looked at then, whether or not it had changed.
  void Looked(MonotonicTime now) { last_look_ns_ = now.ns; }

  // A span of time begins. What is not in its place then counts from there on.
  void BeginSpan(MonotonicTime now);
  // What was not in its place for more than `max_away` of it, a reason each. How long is a bound: a
  // move lies somewhere between two looks.
  struct Astray {
    ReasonCode code = ReasonCode::kClockMoved;
    std::string text;
  };
  std::vector<Astray> EndSpan(MonotonicTime now, double max_away);

 private:
  struct Fixed {
    int64_t at = 0;  // Hz; of a core 1: on, 0: off
    bool core = false;
    std::optional<int64_t> seen = {};  // nothing: it cannot be read
    bool astray = false;
    int64_t since_ns = 0;  // it is astray
    // In the span.
    int64_t away_ns = 0;
    std::optional<int64_t> lowest = {}, highest = {};  // while it was astray
  };
  std::optional<Change> See(const std::string& name, Fixed& fixed, std::optional<int64_t> value,
                            int64_t at_ns) const;
  static Change Describe(const std::string& name, const Fixed& fixed, int64_t at_ns);
  static void NoteSeen(Fixed& fixed);
  static std::string Places(const Fixed& fixed);

  std::map<std::string, Fixed> fixed_;  // by name
  int64_t span_begin_ns_ = 0;
  std::optional<int64_t> last_look_ns_ = {};
};

}  // namespace synergy
