// What a board can do for measurements and what it lacks, with the command that mends it
// (docs/doctor.md says what each finding means). Disturbs a job that runs as little as reading
// files does; what changes something is only done when it is asked for, and not while a job runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/clock.h"
#include "daemon/clocks/clock_control.h"
#include "daemon/diagnosis/machine_facts.h"
#include "synergy/v1/board.pb.h"
#include "synergy/v1/diagnosis.pb.h"

namespace synergy {

// All that is looked at. What it points at outlives it.
struct DiagnosisSubject {
  v1::BoardInfo board;  // as clients are told of it
  // Its sources as they are when it is diagnosed; empty: those of `board`.
  std::function<std::vector<v1::SourceInfo>()> sources;
  std::string recognised_by;   // what of this machine says that it is that board; "": nothing does
  std::string sysfs = "/sys";  // of the board: a captured tree may stand for it
  std::string machine;         // before "/proc" and "/sys" of this machine; "" but in tests
  std::string state_dir;
  std::string lease_folders[2];  // with the journals of clocks and of sensors
  std::string restore_by_hand;   // the command that restores them while this daemon does not run
  bool kills_by_cgroup = true;   // engines are in a cgroup of their own
  std::function<MachineFacts()> ask_machine;
  std::function<std::vector<v1::EngineInfo>()> engines;  // as they are now
  std::function<std::string()> running_job;              // its run's id; "": none runs
  ClockControl* clocks = nullptr;
  Clock* clock = nullptr;
};

// Takes about half a second, in which the load is watched. From one thread at a time.
v1::Diagnosis DiagnoseBoard(const DiagnosisSubject& what, const v1::DiagnoseRequest& request);

}  // namespace synergy
