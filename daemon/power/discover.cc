#include "daemon/power/discover.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/power/hwmon_folder.h"
#include "daemon/power/hwmon_ina3221_source.h"
#include "daemon/power/hwmon_power_source.h"
#include "daemon/power/iio_ina3221_source.h"
#include "daemon/power/power_supply_source.h"
#include "daemon/power/rapl_source.h"

namespace synergy {
namespace {

// A source that has no more to say of its rails than their names.
template <typename Source>
absl::StatusOr<FoundSource> WithRails(absl::StatusOr<std::unique_ptr<Source>> source) {
  if (!source.ok()) return source.status();
  FoundSource found;
  for (const v1::ChannelInfo& channel : (*source)->channels()) {
    if (channel.quantity() == v1::ChannelInfo::QUANTITY_VOLTAGE) continue;
    found.rails.emplace_back().set_name(channel.rail());
  }
  found.source = *std::move(source);
  return found;
}

class Discovery {
 public:
  Discovery(std::string sysfs, SettingWriter& settings, Clock& clock)
      : sysfs_(std::move(sysfs)), settings_(settings), clock_(clock) {}

  void AddHwmon(const BoardProfile& profile, const OpenBus& open_bus) {
    for (const HwmonDevice& device : ListHwmon(sysfs_)) {
      if (HwmonIna3221Source::Fits(device)) {
        const KnownIna3221 known = KnowIna3221(profile, device);
        Add(open_bus ? OpenI2cIna3221(device, known, found_.names, settings_, open_bus)
                     : WithRails(HwmonIna3221Source::Open(sysfs_, device, known, found_.names,
                                                          settings_, clock_)));
      } else if (HasHwmonPower(device)) {
        Add(OpenHwmonPower(sysfs_, device, found_.names, clock_));
      } else {
        found_.unused.push_back(fmt::format(
            "{}: shows neither power nor energy nor a current with its voltage", device.Name()));
      }
    }
  }
  void AddIio() {
    for (const std::string& folder : ListIioIna3221(sysfs_)) {
      Add(OpenIioIna3221(folder, found_.names, clock_));
    }
  }
  void AddRapl() {
    if (HasRapl(sysfs_)) Add(OpenRapl(sysfs_, found_.names, clock_));
  }
  void AddSupplies() {
    for (const std::string& supply : PowerSupplySource::List(sysfs_)) {
      Add(WithRails(PowerSupplySource::Open(sysfs_, supply, found_.names, clock_)));
    }
    for (std::string& why : PowerSupplySource::ListUnread(sysfs_)) {
      found_.unused.push_back(std::move(why));
    }
  }
  void AddVcgencmd(VcgencmdSource::Run run) {
    if (run) Add(VcgencmdSource::Open(std::move(run), found_.names, clock_));
  }
  DiscoveredSources Take() { return std::move(found_); }

 private:
  void Add(absl::StatusOr<FoundSource> source) {
    if (source.ok()) {
      found_.sources.push_back(*std::move(source));
    } else {
      found_.unused.push_back(std::string(source.status().message()));
    }
  }

  const std::string sysfs_;
  SettingWriter& settings_;
  Clock& clock_;
  DiscoveredSources found_;
};

}  // namespace

DiscoveredSources DiscoverSources(const std::string& sysfs, SettingWriter& settings, Clock& clock,
                                  const BoardProfile& profile, VcgencmdSource::Run vcgencmd,
                                  const OpenBus& open_bus) {
  Discovery discovery(sysfs, settings, clock);
  discovery.AddHwmon(profile, open_bus);
  discovery.AddIio();
  discovery.AddRapl();
  discovery.AddSupplies();
  discovery.AddVcgencmd(std::move(vcgencmd));
  return discovery.Take();
}

}  // namespace synergy
