// What a run's sensors said of each rail, ready for the regression: readings as steps of their
// register, with the instants between which the sensor gave them, and the voltage beside a current.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/attribution/run_course.h"
#include "common/attribution/run_data.h"
#include "synergy/v1/board.pb.h"

namespace synergy {

// Times are ns after the run's origin.
struct StepReading {
  double begin_ns = 0, end_ns = 0;  // of the read; of the window, where its stamps are that
  double steps = 0;
  Freshness freshness = Freshness::kUnknown;
};

struct VoltageReading {
  double begin_ns = 0, end_ns = 0;  // as of a StepReading
  double steps = 0;
};

struct RailReadings {
  std::string rail;
  v1::ChannelInfo channel;  // of the readings: current or power; without a number: there are none
  std::vector<StepReading> readings;    // in the order of time
  std::vector<VoltageReading> voltage;  // empty where the channel is of power
  v1::ChannelInfo voltage_channel;      // of these
  double gain_tolerance = 0;            // of the power, all channels that make it; 0: not known
};

// In the board's order. A rail without a current and a voltage has no readings here, nor has one
// with an energy counter whose updates cannot be placed (counter_updates.h). Those that end within
// the part.
std::vector<RailReadings> ReadingsOf(const RunData& data, const RunPart& part);

}  // namespace synergy
