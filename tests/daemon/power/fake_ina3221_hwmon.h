// An INA3221 as drivers/hwmon/ina3221.c shows it, in a fake tree: the attributes, and what the
// driver makes of values that are written to them.
#pragma once

#include <cstdlib>
#include <string>

#include "daemon/power/ina3221_registers.h"
#include "tests/support/fake_sysfs.h"

namespace synergy {

struct FakeIna3221Hwmon {
  FakeSysfs tree;
  FakeSettings settings;
  std::string device = "devices/platform/c240000.i2c/i2c-1/1-0040";
  int number = 2;  // of hwmonN
  std::string folder;

  // As on a Jetson Orin: three inputs, labels and shunts from the device tree, reset values.
  FakeIna3221Hwmon() {
    Bind(number);
    settings.SetDriver([this](const std::string& path, const std::string& value) {
      return Store(std::filesystem::path(path).filename().string(), value);
    });
  }

  void Bind(int hwmon) {
    number = hwmon;
    folder = tree.AddHwmon(hwmon, device, "ina3221",
                           {{"in1_label", "VDD_GPU_SOC"}, {"in2_label", "VDD_CPU_CV"},
                            {"in3_label", "VIN_SYS_5V0"}, {"in7_label", "sum of shunt voltages"},
                            {"in1_enable", "1"},          {"in2_enable", "1"},
                            {"in3_enable", "1"},          {"in1_input", "19000"},
                            {"in2_input", "19008"},       {"in3_input", "5040"},
                            {"in4_input", "1000"},        {"in5_input", "2000"},
                            {"in6_input", "3000"},        {"in7_input", "6000"},
                            {"curr1_input", "500"},       {"curr2_input", "1000"},
                            {"curr3_input", "1500"},      {"curr4_input", "3000"},
                            {"shunt1_resistor", "2000"},  {"shunt2_resistor", "2000"},
                            {"shunt3_resistor", "2000"},  {"samples", "1"},
                            {"update_interval", "7"}});
    conversion_us = 1100;
  }
  void Unbind() { tree.RemoveHwmon(number, device); }
  std::string File(const std::string& name) const { return folder + "/" + name; }
  void WriteFile(const std::string& name, const std::string& text) { tree.Write(File(name), text); }

  int channels() const {
    int on = 0;
    for (const char* file : {"in1_enable", "in2_enable", "in3_enable"}) {
      on += tree.Read(File(file)) == "1" ? 1 : 0;
    }
    return on;
  }
  int samples() const { return std::atoi(tree.Read(File("samples")).c_str()); }
  int64_t cycle_us() const { return 2L * channels() * samples() * conversion_us; }

  // What the file says after the write. The interval follows all of them.
  std::string Store(const std::string& file, const std::string& value) {
    if (file == "update_interval") {
      conversion_us = Nearest(ina3221::kConversionUs,
                              std::atol(value.c_str()) * 500 / (channels() * samples()));
      return std::to_string((cycle_us() + 500) / 1000);
    }
    std::string stored = value;
    if (file == "samples") {
      stored = std::to_string(Nearest(ina3221::kAverages, std::atol(value.c_str())));
    }
    WriteFile(file, stored);
    WriteFile("update_interval", std::to_string((cycle_us() + 500) / 1000));
    return stored;
  }

  template <typename Table>
  static int Nearest(const Table& table, long value) {
    int best = table[0];
    for (const int entry : table) {
      if (std::labs(entry - value) < std::labs(best - value)) best = entry;
    }
    return best;
  }

  int conversion_us = 1100;
};

}  // namespace synergy
