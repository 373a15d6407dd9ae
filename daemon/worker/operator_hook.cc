#include "daemon/worker/operator_hook.h"

#include <atomic>

#include "caffe2/core/blob.h"
#include "caffe2/core/operator.h"
#include "caffe2/core/tensor.h"

namespace synergy {
namespace {

// Room for the dimensions of any tensor that Caffe2's operators make, so that looking allocates
// nothing.
constexpr size_t kUsualDims = 8;

void Prepare(size_t count, std::vector<SeenTensor>* tensors) {
  tensors->resize(count);
  for (SeenTensor& tensor : *tensors) tensor.dims.reserve(kUsualDims);
}

template <typename Blobs>
void Look(const Blobs& blobs, std::vector<SeenTensor>* seen) {
  for (size_t i = 0; i < seen->size(); ++i) {
    SeenTensor& tensor = (*seen)[i];
    tensor.known = caffe2::BlobIsTensorType(*blobs[i], caffe2::CPU);
    if (!tensor.known) continue;
    const caffe2::Tensor& real = blobs[i]->template Get<caffe2::Tensor>();
    tensor.dims.assign(real.sizes().begin(), real.sizes().end());
    tensor.type = real.dtype();
  }
}

uint64_t NextId() {
  static std::atomic<uint64_t> next = 0;
  return ++next;
}

}  // namespace

OperatorHook::OperatorHook(caffe2::OperatorBase* op, NetHook* net)
    : ObserverBase(op), net_(net), index_(static_cast<uint32_t>(op->net_position())) {
  Prepare(op->Inputs().size(), &inputs_);
  Prepare(op->Outputs().size(), &outputs_);
}

void OperatorHook::Start() {
  if (net_->muted()) [[unlikely]]
    return;
  if (!seen_) [[unlikely]]
    Look(subject()->Inputs(), &inputs_);
  net_->ReadCounters();
  net_->lane().Begin(index_, net_->iteration(), net_->phase());
}

void OperatorHook::Stop() {
  if (net_->muted()) [[unlikely]]
    return;
  if (net_->lane().End()) net_->WriteCounts();
  if (!seen_) [[unlikely]] {
    Look(subject()->Outputs(), &outputs_);
    seen_ = true;
  }
}

NetHook::NetHook(caffe2::NetBase* net, MarkerRingWriter* ring, const StampedLane& lane)
    : OperatorAttachingNetObserver(net, this), ring_(ring), clock_(lane.clock()), id_(NextId()) {
  thread_.owner = id_;
  thread_.lane.emplace(lane);
}

void NetHook::WriteCounts() {
  if (counters_ == nullptr) [[likely]]
    return;
  const CounterValues& begin = thread_.counted;
  CounterValues end;
  if (begin.enabled_ns == 0 || !counters_->Read(&end)) return;
  if (end.enabled_ns - begin.enabled_ns != end.running_ns - begin.running_ns) return;
  for (uint32_t i = 0; i < counters_->events(); ++i) {
    thread_.lane->WriteCount(counters_->first_event() + i, end.counts[i] - begin.counts[i]);
  }
}

void NetHook::ClaimLane() {
  thread_.lane.emplace(ring_->Claim(), clock_);
  thread_.owner = id_;
}

}  // namespace synergy
