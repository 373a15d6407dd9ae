#include "client/meter/meter_fit.h"

#include <fmt/format.h>

#include <utility>

#include "client/meter/meter_log.h"
#include "common/records/chunk.h"
#include "common/records/readings.h"

namespace synergy {

absl::StatusOr<std::vector<MeterRail>> ReadMeterRails(Store& store, int64_t number,
                                                      const v1::MeterRecord& record) {
  std::vector<MeterRail> rails;
  for (int i = 0; i < record.rails_size(); ++i) {
    MeterRail& rail = rails.emplace_back(MeterRail{.name = record.rails(i).name(), .readings = {}});
    for (const v1::MeterRecord::Jump& jump : record.jumps()) {
      rail.after_jump.push_back(i < jump.first_reading_size() ? jump.first_reading(i) : 0);
    }
  }
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(fmt::format(
        "run {} in {}: the meter's readings are damaged ({}). Restore the store from a copy, or "
        "measure again.",
        number, store.path(), what));
  };
  const absl::Status read = store.ForEachMeterChunk(number, [&](const v1::Chunk& chunk) {
    if (absl::Status sound = VerifyChunkUntrusted(chunk); !sound.ok()) {
      return damaged(std::string(sound.message()));
    }
    const size_t index = chunk.channel() - kFirstSensorChannel;
    if (chunk.channel() < kFirstSensorChannel || index >= rails.size()) {
      return damaged("a rail that is not known");
    }
    MeterRail& rail = rails[index];
    if (chunk.first_sequence() != rail.readings.size()) return damaged("some are missing");
    auto readings = DecodeReadingsUntrusted(chunk.data(), chunk.count());
    if (!readings.ok()) return damaged(std::string(readings.status().message()));
    for (const Reading& r : *readings) {
      rail.readings.push_back({r.begin_ns, static_cast<double>(r.raw) * kMeterWattsPerStep});
    }
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return rails;
}

void FillClock(const RoundTrips& trips, const Arrivals& arrivals,
               const std::vector<v1::ChirpPlayed>& played, const std::vector<MeterRail>& rails,
               v1::MeterRecord* record) {
  MeterFacts facts{trips, arrivals, {}};
  uint64_t line = 0;
  for (const v1::MeterRecord::Jump& jump : record->jumps()) {
    line = jump.first_reading(0);  // every line of the first rail is a reading
    facts.jumps.push_back({.line = line,
                           .stamp_ns = jump.stamp_ns(),
                           .step_ns = jump.step_ns(),
                           .bound_ns = jump.bound_ns(),
                           .place_bound_ns = jump.place_bound_ns()});
  }
  const MeterClock clock = FitMeterClock(facts, played, rails);
  record->set_trip_breaks(trips.breaks());
  for (const ChirpFound& found : clock.chirps) {
    v1::MeterRecord::Chirp* chirp = record->add_chirps();
    chirp->set_after(found.after);
    chirp->set_found(found.match.ok());
    chirp->set_rail(found.rail);
    if (!found.match.ok()) {
      chirp->set_why_not(std::string(found.match.status().message()));
      continue;
    }
    chirp->set_stamp_ns(found.match->stamp_ns);
    chirp->set_device_ns(found.match->device_ns);
    chirp->set_bound_ns(found.match->bound_ns);
    chirp->set_correlation(found.match->correlation);
    chirp->set_step_w(found.match->step_w);
    chirp->set_window_ns(found.match->window_ns);
  }
  for (const ClockSegment& fitted : clock.segments) {
    v1::MeterRecord::Segment* segment = record->add_segments();
    segment->set_stamp_ns(fitted.stamp_ns);
    segment->set_device_ns(fitted.device_ns);
    segment->set_drift(fitted.drift);
  }
  record->set_bound_ns(clock.bound_ns);
  for (const std::string& problem : clock.problems) record->add_problems(problem);
}

absl::StatusOr<std::vector<v1::ChirpPlayed>> PlayedChirps(Store& store, int64_t number) {
  std::vector<v1::ChirpPlayed> played;
  const absl::Status read = store.ForEachChunk(number, [&](const v1::Chunk& chunk) {
    if (chunk.channel() != kRunRecordsChannel) return absl::OkStatus();
    auto records = DecodeRunRecordsUntrusted(chunk.data(), chunk.count());
    if (!records.ok()) return records.status();
    for (const v1::RunRecord& record : *records) {
      if (record.has_chirp()) played.push_back(record.chirp());
    }
    return absl::OkStatus();
  });
  if (!read.ok()) return read;
  return played;
}

std::vector<RailPower> OnDeviceClock(const std::vector<MeterRail>& rails,
                                     const v1::MeterRecord& record) {
  std::vector<ClockSegment> segments;
  for (const v1::MeterRecord::Segment& one : record.segments()) {
    segments.push_back({one.stamp_ns(), one.device_ns(), one.drift()});
  }
  std::vector<RailPower> power;
  for (const MeterRail& rail : rails) {
    power.push_back({rail.name, OnDeviceClock(rail, segments)});
  }
  return power;
}

}  // namespace synergy
