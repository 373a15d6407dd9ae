// A power source whose channels are an attribute each, in one folder of sysfs: what hwmon, powercap
// and IIO drivers have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_group.h"
#include "daemon/power/cycle_freshness.h"
#include "daemon/power/energy_counter.h"
#include "daemon/power/power_source.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

class AttributeSource final : public PowerSource {
 public:
  struct Channel {
    std::string file;      // in the folder; may lie in a folder below
    v1::ChannelInfo info;  // whose `source` is the words behind the source's name
    // Of an attribute that counts microjoules (EnergyCounter); negative: of no counter.
    int64_t counter_range_uj = -1;
    double most_w = EnergyCounter::kMostWatts;
    bool each_read_converts = false;  // the driver makes a new conversion for each read
    // Its value follows one conversion of each period of its window; else two, say, whose product
    // it is.
    bool one_conversion_a_period = false;
  };
  struct Options {
    std::string name;
    std::vector<Channel> channels;
    AttributeGroup::Find find;
    AttributeGroup::Prepare prepare = [](const std::string&) { return absl::OkStatus(); };
    // Once a second, with the folder: whether the readings still mean what is described.
    AttributeGroup::Prepare verify = [](const std::string&) { return absl::OkStatus(); };
    // The source's own is lower where reads take long, or where conversions do.
    double max_rate_hz = std::numeric_limits<double>::infinity();
    std::vector<std::string> remarks = {};
    std::shared_ptr<SysfsTree> tree = FileTree();
  };

  // InvalidArgument without any channel; the errors of EnsureOpen; and what a first reading of each
  // attribute says, unless it is worth another try. `clock` outlives the source.
  static absl::StatusOr<std::unique_ptr<AttributeSource>> Open(Options options, Clock& clock);

  const std::string& name() const override { return options_.name; }
  const std::vector<v1::ChannelInfo>& channels() const override { return channels_; }
  absl::Status Read(std::vector<ChannelReading>* out) override;
  double max_rate_hz() const override { return max_rate_hz_; }
  std::vector<std::string> Remarks() const override;

 private:
  struct State {
    EnergyCounter counter;
    CycleFreshness freshness;
  };

  AttributeSource(Options options, Clock& clock);
  absl::Status ReadChannel(size_t index, std::vector<ChannelReading>* out);
  // After the device has come back.
  void Restart();

  const Options options_;
  Clock& clock_;
  std::vector<v1::ChannelInfo> channels_;
  std::vector<State> states_;  // by channel
  AttributeGroup attributes_;
  uint64_t life_ = 0;  // of attributes_
  MonotonicTime verify_due_;
  double max_rate_hz_;
};

// A source that was found, and what is known of its rails.
struct FoundSource {
  std::unique_ptr<PowerSource> source;
  std::vector<v1::RailInfo> rails;
};

}  // namespace synergy
