#include "client/analysis/meter_json.h"

#include <algorithm>

#include "client/analysis/host_meter.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

ordered_json ChirpJson(const v1::MeterRecord::Chirp& chirp) {
  ordered_json json;
  json["when"] = chirp.after() ? "after" : "before";
  json["found"] = chirp.found();
  json["why_not"] = chirp.found() ? ordered_json(nullptr) : ordered_json(chirp.why_not());
  const auto known = [&](auto value) {
    return chirp.found() ? ordered_json(value) : ordered_json(nullptr);
  };
  json["rail"] = known(MeterRailName(chirp.rail()));
  json["uncertainty_s"] = known(chirp.bound_ns() * 1e-9);
  json["correlation"] = known(chirp.correlation());
  json["step_w"] = known(chirp.step_w());
  return json;
}

ordered_json ClockJson(const v1::MeterRecord& record) {
  const bool fitted = record.segments_size() > 0;
  ordered_json json;
  json["fitted"] = fitted;
  json["uncertainty_s"] = fitted ? ordered_json(record.bound_ns() * 1e-9) : ordered_json(nullptr);
  // Of the meter's clock against the board's; one pattern alone does not tell it.
  const auto found = std::ranges::count_if(record.chirps(), &v1::MeterRecord::Chirp::found);
  json["drift_ppm"] =
      fitted && found > 1 ? ordered_json(-record.segments(0).drift() * 1e6) : ordered_json(nullptr);
  json["segments"] = ordered_json::array();
  for (const v1::MeterRecord::Segment& segment : record.segments()) {
    ordered_json one;
    one["stamp_ns"] = segment.stamp_ns();
    one["device_ns"] = segment.device_ns();
    one["drift"] = segment.drift();
    json["segments"].push_back(std::move(one));
  }
  json["jumps"] = ordered_json::array();
  for (const v1::MeterRecord::Jump& jump : record.jumps()) {
    ordered_json one;
    one["step_s"] = static_cast<double>(jump.step_ns()) * 1e-9;
    one["uncertainty_s"] = static_cast<double>(jump.bound_ns()) * 1e-9;
    one["stamp_ns"] = jump.stamp_ns();
    json["jumps"].push_back(std::move(one));
  }
  json["chirps"] = ordered_json::array();
  for (const v1::MeterRecord::Chirp& chirp : record.chirps()) {
    json["chirps"].push_back(ChirpJson(chirp));
  }
  json["round_trips"] = record.trips_size();
  json["round_trip_uncertainty_s"] =
      record.trips_size() > 0 ? ordered_json(record.trip_bound_ns() * 1e-9) : ordered_json(nullptr);
  json["problems"] = std::vector<std::string>(record.problems().begin(), record.problems().end());
  return json;
}

}  // namespace

ordered_json MeterJson(const v1::MeterRecord& record) {
  ordered_json json;
  json["command"] = record.command();
  json["rails"] = ordered_json::array();
  for (const v1::MeterRecord::Rail& rail : record.rails()) {
    ordered_json one;
    one["name"] = MeterRailName(rail.name());
    one["readings"] = rail.readings();
    json["rails"].push_back(std::move(one));
  }
  json["rate_hz"] =
      record.period_s() > 0 ? ordered_json(1 / record.period_s()) : ordered_json(nullptr);
  json["clock"] = ClockJson(record);
  json["bad_lines"] = record.bad_lines();
  json["first_bad_line"] =
      record.bad_lines() > 0 ? ordered_json(record.first_bad_line()) : ordered_json(nullptr);
  json["backward"] = record.backward();
  json["silences"] = ordered_json::array();
  for (const v1::MeterRecord::Silence& silence : record.silences()) {
    json["silences"].push_back(static_cast<double>(silence.end_ns() - silence.begin_ns()) * 1e-9);
  }
  json["ended"] = record.ended().empty() ? ordered_json(nullptr) : ordered_json(record.ended());
  return json;
}

}  // namespace synergy
