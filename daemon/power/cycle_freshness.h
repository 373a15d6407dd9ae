// Whether readings of a chip that converts freely show new conversions: from changes of their
// values and from the cycle that is fitted to these (common/records/conversion_cycle.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/records/conversion_cycle.h"
#include "common/records/readings.h"

namespace synergy {

// Of all registers of one chip, which share its clock. Thread-compatible; no allocation in OnRead.
class CycleFreshness {
 public:
  // `offsets`: for each register, where in the cycle its conversion ends, in periods. A period of 0
  // is not known: then only changes tell.
  CycleFreshness(double period_s, double tolerance, std::vector<double> offsets);

  struct Seen {
    Freshness freshness = Freshness::kUnknown;
    std::optional<ConversionNumber> number;  // nothing: no cycle is known
  };
  // `value` was read, as it was at an instant within `span`. Fresh: it changed, or a conversion
  // surely ended between the read before and this one. Repeat: none did. Unknown otherwise.
  Seen OnRead(size_t index, TimeSpan span, int64_t value);
  // A conversion at `offset` ended within `span`, as the chip itself says.
  void OnConversion(double offset, TimeSpan span) { cycle_.OnConversion(offset, span); }
  // What was read before belongs to another life of the chip.
  void Forget();

  const ConversionCycle& cycle() const { return cycle_; }

 private:
  struct Register {
    double offset = 0;
    bool was_read = false;
    TimeSpan span = {};
    int64_t value = 0;
  };

  ConversionCycle cycle_;
  std::vector<Register> registers_;
};

}  // namespace synergy
