// From what a meter measured to a record of its clock, and from that to power on the device's
// clock.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "client/store/store.h"
#include "common/clock_comparison/arrivals.h"
#include "common/clock_comparison/meter_clock.h"
#include "common/clock_comparison/round_trips.h"
#include "synergy/v1/meter.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// The stored readings of the record's rails. DataLoss: a chunk is missing or damaged.
absl::StatusOr<std::vector<MeterRail>> ReadMeterRails(Store& store, int64_t number,
                                                      const v1::MeterRecord& record);

// Fills in chirps, segments, bound and problems of a record that has the lines' facts.
void FillClock(const RoundTrips& trips, const Arrivals& arrivals,
               const std::vector<v1::ChirpPlayed>& played, const std::vector<MeterRail>& rails,
               v1::MeterRecord* record);

// The load patterns that the device has told of, of a run in the store.
absl::StatusOr<std::vector<v1::ChirpPlayed>> PlayedChirps(Store& store, int64_t number);

// Power on the device's clock; without samples where the record has no fit.
std::vector<RailPower> OnDeviceClock(const std::vector<MeterRail>& rails,
                                     const v1::MeterRecord& record);

}  // namespace synergy
