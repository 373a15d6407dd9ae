// What was found of one area, in the order in which it is said.
#pragma once

#include <string>
#include <utility>

#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

// Adds to a diagnosis, which outlives it. `mend`: the command, or what to do; "": nothing is to be
// done.
class Findings {
 public:
  Findings(std::string area, v1::Diagnosis& diagnosis)
      : area_(std::move(area)), diagnosis_(diagnosis) {}

  void Good(std::string found) {
    Add(v1::Diagnosis::Check::RESULT_GOOD, std::move(found), std::string());
  }
  void Limited(std::string found, std::string mend) {
    Add(v1::Diagnosis::Check::RESULT_LIMITED, std::move(found), std::move(mend));
  }
  void Missing(std::string found, std::string mend) {
    Add(v1::Diagnosis::Check::RESULT_MISSING, std::move(found), std::move(mend));
  }

 private:
  void Add(v1::Diagnosis::Check::Result result, std::string found, std::string mend) {
    v1::Diagnosis::Check& check = *diagnosis_.add_checks();
    check.set_area(area_);
    check.set_result(result);
    check.set_found(std::move(found));
    check.set_mend(std::move(mend));
  }

  const std::string area_;
  v1::Diagnosis& diagnosis_;
};

// What many things need.
inline constexpr char kStartAsRoot[] =
    "start synergyd as root: sudo systemctl restart synergyd, or sudo synergyd";

inline constexpr char kRemountSysfs[] =
    "sudo mount -o remount,rw /sys; a container needs --privileged";

}  // namespace synergy
