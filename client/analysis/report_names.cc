#include "client/analysis/report_names.h"

namespace synergy {

std::string_view StateName(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_QUEUED:
      return "QUEUED";
    case v1::JOB_STATE_RUNNING:
      return "RUNNING";
    case v1::JOB_STATE_DONE:
      return "DONE";
    case v1::JOB_STATE_FAILED:
      return "FAILED";
    case v1::JOB_STATE_CANCELLED:
      return "CANCELLED";
    default:
      return "UNKNOWN";
  }
}

std::string_view VerdictName(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_VALID:
      return "VALID";
    case v1::VERDICT_SUSPECT:
      return "SUSPECT";
    case v1::VERDICT_INVALID:
      return "INVALID";
    default:
      return "UNKNOWN";
  }
}

std::string_view PhaseName(v1::Phase phase) {
  switch (phase) {
    case v1::PHASE_IDLE:
      return "idle";
    case v1::PHASE_SETUP:
      return "setup";
    case v1::PHASE_WARMUP:
      return "warmup";
    case v1::PHASE_MEASURE:
      return "measure";
    case v1::PHASE_COOLING:
      return "cooling";
    case v1::PHASE_LOOP:
      return "loop";
    case v1::PHASE_DECIDING:
      return "deciding";
    default:
      return "unknown";
  }
}

std::string_view ScopeName(v1::RailScope scope) {
  switch (scope) {
    case v1::RAIL_SCOPE_WALL:
      return "wall";
    case v1::RAIL_SCOPE_CARRIER:
      return "carrier";
    case v1::RAIL_SCOPE_MODULE:
      return "module";
    case v1::RAIL_SCOPE_COMPONENT:
      return "component";
    default:
      return "unknown";
  }
}

std::string_view QuantityName(v1::ChannelInfo::Quantity quantity) {
  switch (quantity) {
    case v1::ChannelInfo::QUANTITY_CURRENT:
      return "current";
    case v1::ChannelInfo::QUANTITY_VOLTAGE:
      return "voltage";
    case v1::ChannelInfo::QUANTITY_POWER:
      return "power";
    case v1::ChannelInfo::QUANTITY_ENERGY_COUNTER:
      return "energy";
    default:
      return "unknown";
  }
}

std::string_view GapCauseName(v1::Gap::Cause cause) {
  switch (cause) {
    case v1::Gap::CAUSE_MISSED_TICK:
      return "missed_tick";
    case v1::Gap::CAUSE_READ_FAILED:
      return "read_failed";
    default:
      return "unknown";
  }
}

}  // namespace synergy
