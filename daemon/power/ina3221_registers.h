// The INA3221's registers: Texas Instruments, SBOS576, "INA3221 Triple-Channel, High-Side
// Measurement, Shunt and Bus Voltage Monitor". Shared by the code that reads the chip and the model
// of the chip.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace synergy::ina3221 {

inline constexpr size_t kChannels = 3;

inline constexpr uint8_t kConfiguration = 0x00;
// Shunt voltage of channels 0, 1, 2: 0x01, 0x03, 0x05. Bus voltage: 0x02, 0x04, 0x06.
constexpr uint8_t ShuntRegister(size_t channel) { return static_cast<uint8_t>(1 + 2 * channel); }
constexpr uint8_t BusRegister(size_t channel) { return static_cast<uint8_t>(2 + 2 * channel); }
inline constexpr uint8_t kLastData = 0x06;
inline constexpr uint8_t kMaskEnable = 0x0F;
inline constexpr uint8_t kManufacturerId = 0xFE;
inline constexpr uint8_t kDieId = 0xFF;

inline constexpr uint16_t kResetConfiguration = 0x7127;
inline constexpr uint16_t kResetMaskEnable = 0x0002;
inline constexpr uint16_t kTexasInstruments = 0x5449;  // "TI"
inline constexpr uint16_t kDie = 0x3220;

inline constexpr uint16_t kResetBit = 0x8000;            // configuration, bit 15
inline constexpr uint16_t kConversionReadyBit = 0x0001;  // mask/enable, bit 0

// Data registers hold a 13-bit two's complement number in bits 15 to 3.
inline constexpr double kShuntStepV = 40e-6;
inline constexpr double kBusStepV = 8e-3;
inline constexpr int kMaxSteps = 4095;
inline constexpr int kMinSteps = -4096;
// C++20: the shift of a negative number keeps its sign.
constexpr int Steps(uint16_t word) { return static_cast<int16_t>(word) >> 3; }
constexpr uint16_t Word(int steps) { return static_cast<uint16_t>(steps << 3); }

// "ADC conversion time", typical, and the highest deviation of it that the datasheet allows (140 us
// typical, 154 us at most): the oscillator is the chip's own.
inline constexpr std::array<int, 8> kConversionUs{140, 204, 332, 588, 1100, 2116, 4156, 8244};
inline constexpr double kOscillatorTolerance = 0.10;
inline constexpr std::array<int, 8> kAverages{1, 4, 16, 64, 128, 256, 512, 1024};
// "Voltage gain error", shunt and bus: 0.1 % typical, 0.25 % at most.
inline constexpr double kGainTolerance = 0.0025;

// Operating modes (configuration, bits 2 to 0) as three flags: 0b100 and 0b000 are both power-down.
inline constexpr uint16_t kModeShunt = 0b001;
inline constexpr uint16_t kModeBus = 0b010;
inline constexpr uint16_t kModeContinuous = 0b100;

// The configuration register in parts.
struct Configuration {
  std::array<bool, kChannels> enabled{true, true, true};
  uint8_t average = 0;   // index into kAverages
  uint8_t bus_time = 4;  // index into kConversionUs
  uint8_t shunt_time = 4;
  uint16_t mode = kModeContinuous | kModeBus | kModeShunt;
};

constexpr uint16_t Encode(const Configuration& c) {
  return static_cast<uint16_t>((c.enabled[0] ? 0x4000 : 0) | (c.enabled[1] ? 0x2000 : 0) |
                               (c.enabled[2] ? 0x1000 : 0) | (c.average << 9) | (c.bus_time << 6) |
                               (c.shunt_time << 3) | c.mode);
}

constexpr Configuration Decode(uint16_t word) {
  return {.enabled = {(word & 0x4000) != 0, (word & 0x2000) != 0, (word & 0x1000) != 0},
          .average = static_cast<uint8_t>((word >> 9) & 7),
          .bus_time = static_cast<uint8_t>((word >> 6) & 7),
          .shunt_time = static_cast<uint8_t>((word >> 3) & 7),
          .mode = static_cast<uint16_t>(word & 7)};
}

static_assert(Encode(Configuration{}) == kResetConfiguration);

}  // namespace synergy::ina3221
