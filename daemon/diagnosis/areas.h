// The areas of a diagnosis, a function each: what they are given decides what they find.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/clocks/clock_control.h"
#include "daemon/diagnosis/board_diagnosis.h"
#include "daemon/diagnosis/machine_facts.h"
#include "daemon/jobs/load_sample.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/clocks.pb.h"
#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

void FindBoard(const DiagnosisSubject& subject, v1::Diagnosis& diagnosis);
void FindEngines(const std::vector<v1::EngineInfo>& engines, v1::Diagnosis& diagnosis);

// The sources that are read, those that are not, and chips without a driver.
void FindPower(const DiagnosisSubject& subject, bool root, v1::Diagnosis& diagnosis);

void FindResolution(const v1::BoardInfo& board, bool root, v1::Diagnosis& diagnosis);

// `trying`: what came of setting a clock to what it is; nothing: nobody has asked for that.
struct ClockFindings {
  v1::ClockState state;
  std::vector<std::string> journals;                   // left in the folders of leases, paths
  std::string restore_by_hand = "synergyd --restore";  // of DiagnosisSubject
  std::optional<absl::StatusOr<ClockTrial>> trial;
};
void FindClocks(const ClockFindings& found, v1::Diagnosis& diagnosis);

void FindPermissions(const DiagnosisSubject& subject, const MachineFacts& facts,
                     v1::Diagnosis& diagnosis);

// `machine`: before "/proc" and "/sys".
void FindCounters(const std::string& machine, const MachineFacts& facts, v1::Diagnosis& diagnosis);
void FindTime(const std::string& machine, const MachineFacts& facts, v1::Diagnosis& diagnosis);

// `running_job`: "" where none runs.
void FindLoad(const LoadSample& before, const LoadSample& after, const std::string& running_job,
              v1::Diagnosis& diagnosis);

}  // namespace synergy
