// A power source: one sensor chip or kernel interface that gives readings of one or more channels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/records/conversion_cycle.h"
#include "common/records/readings.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// A reading and the channel of the source that it belongs to (index into PowerSource::channels()).
struct ChannelReading {
  uint32_t channel = 0;
  Reading reading;
  // Which conversion it shows, where the sensor's cycle is known: with it several readings of which
  // none is surely fresh can be counted together.
  std::optional<ConversionNumber> number = {};
};

// Thread-compatible: one sampling thread owns a source after it was opened. Buses that sources
// share are locked by the bus.
class PowerSource {
 public:
  virtual ~PowerSource() = default;

  // For people and logs: "ina3221 0x40".
  virtual const std::string& name() const = 0;

  // Constant over the source's life. ChannelInfo::channel is left 0: a run numbers its channels
  // itself.
  virtual const std::vector<v1::ChannelInfo>& channels() const = 0;

  // Reads what is due at this tick and appends it, each read stamped at both ends. Readings that
  // were appended stay valid when an error follows. Unavailable: this tick is lost, try again at
  // the next. NotFound: the source is gone for now; it looks for itself at later ticks, at most
  // once a second, and goes on when it has come back. Anything else is fatal for this source.
  virtual absl::Status Read(std::vector<ChannelReading>* out) = 0;

  // How often channel `index` of channels() is read at most, on purpose; infinity: at every tick.
  // Constant over the source's life.
  virtual double asked_hz(size_t /*index*/) const {
    return std::numeric_limits<double>::infinity();
  }

  // More ticks a second give nothing new, or take longer than they last. A source that finds out
  // more while it is read may change it; asked between reads, by the thread that reads.
  virtual double max_rate_hz() const { return std::numeric_limits<double>::infinity(); }

  // Transfers on its bus since it was opened, where it makes them itself; nothing: it does not
  // know, and each reading counts for one. Asked by the thread that reads.
  virtual std::optional<uint64_t> transfers() const { return std::nullopt; }

  // What a user should know of how this source measures here, a line each: settings that could not
  // be made, what is unknown; behind kToMend (source_description.h) what to do. As of the last
  // Read.
  virtual std::vector<std::string> Remarks() const { return {}; }
  // Why its readings may not lie where their stamps say, for people: a run with such readings is
  // SUSPECT. "": they do. As of the last Read.
  virtual std::string Doubt() const { return ""; }
};

}  // namespace synergy
