// The hook around every operator: Caffe2's own operator observers, which write markers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "caffe2/observers/operator_attaching_net_observer.h"
#include "common/marker_ring_writer.h"
#include "daemon/worker/event_counters.h"
#include "daemon/worker/stamped_lane.h"

namespace synergy {

// A tensor as an operator really had it at run time.
struct SeenTensor {
  bool known = false;  // false: no tensor in CPU memory
  std::vector<int64_t> dims;
  caffe2::TypeMeta type;
};

class NetHook;

// A lane in thread-local memory, so that claiming one allocates nothing.
struct ThreadLane {
  uint64_t owner = 0;  // id of the NetHook that it was claimed for
  std::optional<StampedLane> lane;
  // At the present operator's begin; enabled_ns 0: they could not be read.
  CounterValues counted;
};

// One operator's observer. Start and Stop: no allocation, no lock, and no system call unless
// counters are read by one, outside of what the marker spans; the very first
// execution also looks at the operator's tensors, outside of what the marker spans.
class OperatorHook final : public caffe2::ObserverBase<caffe2::OperatorBase> {
 public:
  OperatorHook(caffe2::OperatorBase* op, NetHook* net);

  void Start() override;
  void Stop() override;

  uint32_t index() const { return index_; }
  // What the first execution saw; empty before.
  const std::vector<SeenTensor>& inputs() const { return inputs_; }
  const std::vector<SeenTensor>& outputs() const { return outputs_; }

 private:
  NetHook* net_;
  uint32_t index_;
  bool seen_ = false;
  std::vector<SeenTensor> inputs_;
  std::vector<SeenTensor> outputs_;
};

// Attaches an OperatorHook to every operator of a net and knows what they are to write. Owned by
// the net (caffe2::NetBase::AttachObserver). The ring and the net outlive it. One in a process at a
// time.
class NetHook final : public caffe2::OperatorAttachingNetObserver<OperatorHook, NetHook> {
 public:
  // `lane` is for the calling thread, which runs simple nets; workers of other net types claim
  // their own, and calibrate their clocks from where the lane's stands.
  NetHook(caffe2::NetBase* net, MarkerRingWriter* ring, const StampedLane& lane);

  // Goes into all markers from now on. Not while the net runs.
  void SetIteration(uint8_t phase, uint32_t iteration) {
    phase_ = phase;
    iteration_ = iteration;
  }
  // Whether operators write markers and slots. Likewise.
  void SetMuted(bool muted) { muted_ = muted; }
  bool muted() const { return muted_; }
  // Read around every operator from now on; null: none. Likewise.
  void SetCounters(const EventCounters* counters) { counters_ = counters; }
  // The calling thread's: around what its lane says between Begin and End.
  void ReadCounters() {
    if (counters_ == nullptr) [[likely]]
      return;
    lane();
    if (!counters_->Read(&thread_.counted)) thread_.counted = {};
  }
  // What was counted since ReadCounters, behind the marker, unless the counters were taken away.
  void WriteCounts();
  uint8_t phase() const { return phase_; }
  uint32_t iteration() const { return iteration_; }

  // The calling thread's lane.
  StampedLane& lane() {
    if (thread_.owner != id_) [[unlikely]]
      ClaimLane();
    return *thread_.lane;
  }

  // By index in the net.
  const std::vector<const OperatorHook*>& operators() const { return operator_observers_; }

 private:
  void ClaimLane();

  static inline constinit thread_local ThreadLane thread_;

  MarkerRingWriter* ring_;
  TickClock clock_;
  uint64_t id_;  // never twice in a process: a pool's thread may outlive a hook
  uint8_t phase_ = 0;
  uint32_t iteration_ = 0;
  bool muted_ = false;
  const EventCounters* counters_ = nullptr;
};

}  // namespace synergy
