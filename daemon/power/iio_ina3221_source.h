// An INA3221 behind NVIDIA's IIO driver, as L4T kernels 3.10, 4.4 and 4.9 have it
// (drivers/staging/iio/meter/ina3221.c there): rail_name_N, in_powerN_input (mW),
// in_voltageN_input (mV), in_currentN_input (mA), running_mode, N from 0.
//
// A reading of power is the product of one conversion's current and voltage, so power alone is
// read. The driver runs in one of two modes:
//   * triggered (running_mode 0): each read starts a conversion of all three channels without
//     averaging and waits for it, so each reading is fresh;
//   * continuous (1): the chip averages, over about 0.42 s as it is shipped: a low pass.
// Which one is not changed here: the hardware's overcurrent limits work in continuous mode alone.
// The driver may change it by itself, by load, where limits are set; while it has, readings are
// refused, since they would not mean what their windows say.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/power/attribute_source.h"
#include "daemon/power/rail_names.h"

namespace synergy {

// The folders below <sysfs>/bus/i2c/devices/*/ that the driver made: iio_device (3.10), or
// iio:deviceN.
std::vector<std::string> ListIioIna3221(const std::string& sysfs);

// For people: "ina3221x 1-0040".
std::string IioIna3221Name(const std::string& folder);

// An input that is in use, as the driver names it and the device tree describes it.
struct IioIna3221Input {
  size_t index = 0;  // from 0
  std::string rail;
  std::optional<double> shunt_ohm;  // nothing: the device tree is not shown, or has none
  bool corrected = false;           // the driver corrects its current by an offset
};
// By index. `folder` is one of ListIioIna3221.
std::vector<IioIna3221Input> ListIioIna3221Inputs(const std::string& folder);

// `folder` is one of ListIioIna3221; `remarks` are told of the source besides its own. The windows
// come from the configuration words of the device tree (ti,trigger-config, ti,continuous-config)
// where they can be read, else from the driver's defaults. NotFound where no rail has a name.
absl::StatusOr<FoundSource> OpenIioIna3221(const std::string& folder, RailNames& names,
                                           Clock& clock, std::vector<std::string> remarks = {});

}  // namespace synergy
