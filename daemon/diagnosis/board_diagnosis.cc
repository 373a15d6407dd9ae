#include "daemon/diagnosis/board_diagnosis.h"

#include <unistd.h>

#include <utility>

#include "common/sysfs.h"
#include "daemon/diagnosis/areas.h"
#include "daemon/jobs/load_sample.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr Nanoseconds kWatchLoad = Milliseconds(500);
constexpr char kHolder[] = "synergyctl doctor --try";

std::vector<std::string> Journals(const DiagnosisSubject& subject) {
  std::vector<std::string> paths;
  for (const std::string& folder : subject.lease_folders) {
    if (folder.empty()) continue;
    for (const std::string& name : ListSysfs(folder)) {
      // Besides NAME.journal, those that were put aside: NAME.journal.gone.
      const bool kept = name.find(".journal.") != std::string::npos && !name.ends_with(".lock") &&
                        !name.ends_with(".new");
      if (kept || name.ends_with(".journal")) paths.push_back(folder + "/" + name);
    }
  }
  return paths;
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

LoadSample Sample(const DiagnosisSubject& subject, Conditions& conditions) {
  LoadSample sample = SampleLoad(subject.machine + "/proc", subject.clock->Now());
  if (const auto changed = conditions.Poll(sample.at); changed.has_value()) {
    sample.throttles.assign(changed->throttles().begin(), changed->throttles().end());
  }
  if (const auto hottest = conditions.Hottest(); hottest.has_value()) {
    sample.hottest_c = hottest->celsius;
  }
  return sample;
}

absl::StatusOr<ClockTrial> TryClocks(const DiagnosisSubject& subject,
                                     const std::string& running_job) {
  if (!running_job.empty()) {
    return absl::UnavailableError(
        fmt::format("not while run {} is under way: its clocks are its own", running_job));
  }
  return subject.clocks->Try(kHolder);
}

}  // namespace

v1::Diagnosis DiagnoseBoard(const DiagnosisSubject& what, const v1::DiagnoseRequest& request) {
  DiagnosisSubject subject = what;
  if (subject.sources) {
    const std::vector<v1::SourceInfo> sources = subject.sources();
    subject.board.mutable_sources()->Assign(sources.begin(), sources.end());
  }
  v1::Diagnosis diagnosis;
  *diagnosis.mutable_board() = subject.board;
  const std::string running_job = subject.running_job();
  const MachineFacts facts = subject.ask_machine();
  FindBoard(subject, diagnosis);
  FindPower(subject, facts.root, diagnosis);
  FindResolution(subject.board, facts.root, diagnosis);
  FindEngines(subject.engines(), diagnosis);
  // Before the trial, which makes a journal of its own for a moment.
  ClockFindings clocks;
  clocks.restore_by_hand = subject.restore_by_hand;
  clocks.journals = Journals(subject);
  clocks.state = subject.clocks->Describe();
  // That of a lease that ended between the two is gone by now.
  std::erase_if(clocks.journals, [](const std::string& path) { return !Exists(path); });
  if (request.try_clocks()) clocks.trial = TryClocks(subject, running_job);
  FindClocks(clocks, diagnosis);
  FindPermissions(subject, facts, diagnosis);
  FindCounters(subject.machine, facts, diagnosis);
  FindTime(subject.machine, facts, diagnosis);
  Conditions conditions = subject.clocks->OpenConditions();
  const LoadSample before = Sample(subject, conditions);
  subject.clock->SleepUntil(before.at + kWatchLoad);
  FindLoad(before, Sample(subject, conditions), running_job, diagnosis);
  return diagnosis;
}

}  // namespace synergy
