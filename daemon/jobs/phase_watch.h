// What else went on on the board while a job was measured: synergy's own work, other processes,
// uploads.
#pragma once

#include <cstdint>
#include <optional>

#include "daemon/jobs/load_sample.h"
#include "daemon/jobs/observer_cost.h"
#include "daemon/jobs/run_recording.h"
#include "daemon/jobs/runner_options.h"

namespace synergy {

// Used by one thread: Begin just before the measured phase, End just after its last iteration. Each
// reads some files of every process there is, which takes milliseconds: neither lies among
// iterations.
class PhaseWatch {
 public:
  // Both outlive it. `recording` has started when Begin is called.
  PhaseWatch(const RunnerParts& parts, const RunRecording& recording)
      : parts_(parts), recording_(recording) {}

  void Begin();
  struct Seen {
    v1::ObserverCost observer;
    OtherLoad others;
    uint64_t received_bytes = 0;  // of clients' objects
  };
  Seen End() const;  // since Begin

 private:
  ObserverCounts Count() const;
  uint64_t ReceivedBytes() const;

  const RunnerParts& parts_;
  const RunRecording& recording_;
  ObserverCounts counts_;
  LoadSample load_;
  uint64_t received_bytes_ = 0;
};

}  // namespace synergy
