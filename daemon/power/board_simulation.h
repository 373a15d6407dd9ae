// What a simulated board must be told of the running job, so that its true power can follow what
// the engine really executes, and what it tells of the truth afterwards. Real boards have none of
// this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/clock.h"
#include "common/cpu_speed.h"
#include "common/marker_ring.h"
#include "synergy/v1/device.pb.h"
#include "synergy/v1/records.pb.h"

namespace synergy {

// The engine's activity, given by the job runner. Thread-safe.
class ActivityFeed {
 public:
  virtual ~ActivityFeed() = default;

  struct Snapshot {
    MonotonicTime as_of;            // everything before this instant is known
    std::vector<Marker> completed;  // since the last Poll, operators and kOpLoad / kOpInit only
    std::vector<CurrentOperator> running;  // per lane, as of `as_of`
  };
  // Replaces the snapshot's content. Takes `as_of` first, then reads the slots, then drains the
  // markers: an operator that began before `as_of` is then in one of the two, or in both, which is
  // fine. Called with the simulation's lock held, about once a millisecond, from a sampling thread:
  // it must be quick and must not call the simulation.
  virtual void Poll(Snapshot* snapshot) = 0;
};

// Implemented by simulated boards. Thread-safe: the runner calls from its thread while sampling
// threads read the sensors.
class BoardSimulation {
 public:
  virtual ~BoardSimulation() = default;

  struct Run {
    std::string run_id;
    std::string net_name;
    uint64_t seed = 0;
    uint32_t threads = 1;
    double energy_scale = 1;      // factor on its operators' dynamic power
    bool modelled_times = false;  // its operators' durations are a model's, not this machine's
  };
  // `feed` stays valid until EndRun returns. Before BeginRun and after EndRun the board idles.
  virtual void BeginRun(const Run& run, ActivityFeed* feed) = 0;
  // As soon as the engine has told them; operators that run earlier draw the power of an unknown
  // type.
  virtual void SetOperators(const v1::OperatorTable& operators) = 0;
  // Takes the last activity from the feed and lets go of it. The truth covers the measured phase.
  virtual v1::RunTruth EndRun() = 0;
  // Lines for the run's notices: what of this simulation is not real.
  virtual std::vector<std::string> Disclaimers() const = 0;

  // Now, in degrees Celsius.
  virtual double temperature_c() = 0;
  // What the CPU is held back to, as if it were too hot; nothing: it is not.
  virtual std::optional<int64_t> throttled_khz() = 0;
  // What governors and limits come to, of each policy of its cpufreq: the power follows from now
  // on, the operators' durations do not.
  virtual void SetCpuSpeeds(const std::vector<CpuSpeed>& policies) = 0;
  // What a policy's clock is now, under what runs: the one that the power is computed with. 0:
  // there is no such policy.
  virtual int64_t CpuKhz(size_t policy) = 0;
};

}  // namespace synergy
