// How often a channel was read, and how many of its readings came from conversions that were not
// read before.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/power/power_source.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// Of one channel, over the readings between two calls of Take. Thread-compatible; no allocation in
// OnReading.
//
// A reading that is unknown to be fresh is counted by its ConversionNumber, where it has one: as
// long as readings are closer than conversions, each conversion is read, so that as many readings
// are fresh as numbers went by, whichever these readings are. Where the two bounds are then not
// within kExact of each other, the lower one is told, as a bound.
class ChannelBooks {
 public:
  static constexpr double kExact = 0.01;

  explicit ChannelBooks(const v1::ChannelInfo& info);

  // Whether it is surely fresh: it says so, or its value differs from the one before.
  bool OnReading(const ChannelReading& reading);
  // Rates over `span_s` seconds (0: none); rail and quantity. The channel's number and the
  // requested rate are left to the caller. Then counts from 0.
  v1::ChannelStats Take(double span_s);

  // Fresh readings since Take: at least, at most.
  struct Bounds {
    uint64_t least = 0;
    uint64_t most = 0;
  };
  Bounds fresh() const;

 private:
  // Readings in a row whose numbers can be compared.
  struct Stretch {
    ConversionNumber first;
    ConversionNumber last;
    int64_t last_begin_ns = 0;
    uint64_t skipped = 0;   // conversions that may have gone by unread, between readings far apart
    uint64_t readings = 0;  // after the first
    uint64_t sure = 0;      // of them: surely fresh
    uint64_t unsure = 0;    // of them: not known
  };

  void Extend(const ChannelReading& reading, Freshness freshness);
  static Bounds Of(const Stretch& stretch);

  const v1::ChannelInfo info_;
  const double shortest_period_s_;  // 0: not known
  std::optional<int64_t> last_raw_;
  uint64_t readings_ = 0;
  Bounds closed_;  // of stretches that are over
  std::optional<Stretch> stretch_;
};

}  // namespace synergy
