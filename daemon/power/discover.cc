#include "daemon/power/discover.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "daemon/power/bound_ina3221.h"
#include "daemon/power/hwmon_folder.h"
#include "daemon/power/hwmon_ina3221_source.h"
#include "daemon/power/hwmon_power_source.h"
#include "daemon/power/iio_ina3221_source.h"
#include "daemon/power/power_supply_source.h"
#include "daemon/power/rapl_source.h"
#include "daemon/power/source_description.h"

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
        AddHwmonIna3221(device, KnowIna3221(profile, device), open_bus);
      } else if (HasHwmonPower(device)) {
        Add(OpenHwmonPower(sysfs_, device, found_.names, clock_));
      } else {
        found_.unused.push_back(fmt::format(
            "{}: shows neither power nor energy nor a current with its voltage", device.Name()));
      }
    }
  }
  void AddIio(const BoardProfile& profile, const OpenBus& open_bus) {
    for (const std::string& folder : ListIioIna3221(sysfs_)) {
      std::vector<std::string> remarks;
      if (open_bus) {
        const auto driver_is_there = [&] { return HasAttribute(folder, "rail_name_0"); };
        if (TakeOver(IioIna3221Name(folder), DescribeIioIna3221(folder, profile), open_bus,
                     driver_is_there, &remarks)) {
          continue;
        }
      }
      Add(OpenIioIna3221(folder, found_.names, clock_, std::move(remarks)));
    }
  }
  // That there was nothing that could have been taken over.
  void JudgeTakingOver() {
    if (ina3221s_ > 0) return;
    found_.unused.push_back(fmt::format(
        "--source i2c: no INA3221 can be taken from its kernel driver, since none has one "
        "(mainline's: {0}/class/hwmon/*/name is ina3221; NVIDIA's: "
        "{0}/bus/i2c/devices/*/iio*/rail_name_0){1}load the driver if this board has such a chip, "
        "else leave out --source i2c",
        sysfs_, std::string(kToMend)));
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
  void AddHwmonIna3221(const HwmonDevice& device, KnownIna3221 known, const OpenBus& open_bus) {
    if (open_bus) {
      const auto driver_is_there = [&] { return HwmonIna3221Source::Fits(device); };
      if (TakeOver(device.Name(), DescribeHwmonIna3221(device, known), open_bus, driver_is_there,
                   &known.remarks)) {
        return;
      }
    }
    Add(WithRails(
        HwmonIna3221Source::Open(sysfs_, device, known, found_.names, settings_, clock_)));
  }
  // False: the driver keeps the chip, and `remarks` says why.
  bool TakeOver(const std::string& name, const absl::StatusOr<BoundIna3221>& chip,
                const OpenBus& open_bus, const std::function<bool()>& driver_is_there,
                std::vector<std::string>* remarks) {
    ++ina3221s_;
    absl::StatusOr<FoundSource> direct =
        chip.ok() ? OpenI2cIna3221(*chip, found_.names, settings_, open_bus)
                  : absl::StatusOr<FoundSource>(chip.status());
    if (!direct.ok() && driver_is_there()) {
      remarks->push_back(
          fmt::format("{}: its driver is read, and not its registers as --source i2c asks: {}",
                      name, std::string(direct.status().message())));
      return false;
    }
    Add(std::move(direct));
    return true;
  }
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
  int ina3221s_ = 0;  // that a driver has
};

}  // namespace

DiscoveredSources DiscoverSources(const std::string& sysfs, SettingWriter& settings, Clock& clock,
                                  const BoardProfile& profile, VcgencmdSource::Run vcgencmd,
                                  const OpenBus& open_bus) {
  Discovery discovery(sysfs, settings, clock);
  discovery.AddHwmon(profile, open_bus);
  discovery.AddIio(profile, open_bus);
  if (open_bus) discovery.JudgeTakingOver();
  discovery.AddRapl();
  discovery.AddSupplies();
  discovery.AddVcgencmd(std::move(vcgencmd));
  return discovery.Take();
}

}  // namespace synergy
