// Bar: what markers add to a net's time. Two nets of the same operators on the same blobs in one
// process, squeezenet with Caffe2 and OpenBLAS on one thread, one with the engine's hooks and one
// without, run in random alternation. Every pair gives a log ratio of their times; the median of
// these and its 95 % confidence interval (exact, from binomial order statistics) are followed until
// the interval's half-width is at most 0.3 %.
//
// Two nets differ by half a percent for where their buffers happen to lie. So the hooks change nets
// after every ten pairs, and as many pairs are kept of one net hooked as of the other: the
// difference shifts half of the log ratios up and half of them down, and leaves the median.
//
// Full form: fails where the interval lies wholly above 1.001. A true ratio of 1.001 does that by
// chance in 2.5 % of runs, one of 1.0002 (what the cost of a marker makes expect) practically
// never. Fails too where the time was over before the interval was narrow enough.
// Smoke form: 20 seconds on a machine with other work; fails likewise above 1.001, or where the
// interval is wider than 2 % each way, which no result would be.
// Both fail where markers times the cost of one is more than 0.1 % of the net's time.
//
//   marker_overhead [--smoke]
#include <caffe2/core/init.h>
#include <caffe2/core/net.h>
#include <caffe2/core/workspace.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <random>
#include <string_view>
#include <vector>

#include "client/models/zoo.h"
#include "common/marker_ring.h"
#include "common/marker_ring_reader.h"
#include "common/marker_ring_writer.h"
#include "common/unique_fd.h"
#include "daemon/worker/math_backend.h"
#include "daemon/worker/operator_hook.h"
#include "daemon/worker/seeded_normal.h"
#include "daemon/worker/stamped_lane.h"

namespace synergy {
namespace {

// What a form of the bar accepts. Each stops as soon as the interval is as narrow as the full form
// wants it.
struct Limits {
  double half_width;  // of the log ratio's interval
  double ratio;       // that the interval must reach down to
  int64_t seconds;
};
constexpr double kHalfWidth = 0.003;
constexpr Limits kFull = {kHalfWidth, 1.001, 600};
constexpr Limits kSmoke = {0.02, 1.001, 20};
constexpr double kMostShare = 0.001;
constexpr size_t kPairsPerTurn = 10;  // of hooks on one net
constexpr size_t kFewestPairs = 100;
constexpr size_t kMarkersTimed = 4096;

struct Interval {
  double low;
  double median;
  double high;
};

// Ranks l and n + 1 - l enclose the median with probability 1 - 2 P(B(n, 1/2) < l). Log-gamma keeps
// the sum exact enough for any n.
Interval MedianInterval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  const double count = static_cast<double>(n);
  double below = 0;
  size_t rank = 0;  // largest l with P(B < l) <= 2.5 %
  for (size_t k = 0; k < n / 2; ++k) {
    const double x = static_cast<double>(k);
    below += std::exp(std::lgamma(count + 1) - std::lgamma(x + 1) - std::lgamma(count - x + 1) -
                      count * std::log(2.0));
    if (below > 0.025) break;
    rank = k + 1;
  }
  const double median = (values[(n - 1) / 2] + values[n / 2]) / 2;
  if (rank == 0) return {-HUGE_VAL, median, HUGE_VAL};
  return {values[rank - 1], median, values[n - rank]};
}

// CPU time of this thread, which runs the nets: wall time without what others on the machine take.
int64_t CpuNs() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

class Nets {
 public:
  explicit Nets(const Model& model)
      : fd_(*CreateMarkerRing(geometry_)), writer_(*MarkerRingWriter::Map(fd_.get())) {
    if (!LinkedMathBackend().set_threads(1).ok()) std::abort();
    if (!workspace_.RunNetOnce(model.init)) std::abort();
    caffe2::Tensor* input = caffe2::BlobGetMutableTensor(
        workspace_.CreateBlob(model.inputs[0].blob), model.inputs[0].dims, at::dtype<float>());
    FillSeededNormal(1, 0, input->mutable_data<float>(), static_cast<size_t>(input->numel()));
    caffe2::NetDef def = model.predict;
    def.set_name("one");
    plain_ = workspace_.CreateNet(def);
    def.set_name("other");
    hooked_ = workspace_.CreateNet(def);
    Attach(StampedLane(writer_.Claim(), TickClock(CounterIsTrusted())));
    operators_ = static_cast<size_t>(def.op_size());
    for (int i = 0; i < 5; ++i) Time(hooked_), Time(plain_);
  }

  // Hooks the other net instead, and runs both once.
  void Swap() {
    const StampedLane lane = hook_->lane();
    for (const OperatorHook* hook : hook_->operators()) {
      hooked_->GetOperators()[hook->index()]->DetachObserver(hook);
    }
    hooked_->DetachObserver(hook_);
    std::swap(plain_, hooked_);
    Attach(lane);
    TimePlain(), TimeHooked();
  }

  double TimePlain() { return Time(plain_); }
  double TimeHooked() {
    const double time = Time(hooked_);
    markers_.clear();
    if (!reader_.DrainUntrusted(&markers_).ok()) std::abort();
    return time;
  }
  size_t operators() const { return operators_; }

  // Nanoseconds of one Start and Stop of the first operator's hook, the net itself not running.
  double TimeMarker() {
    caffe2::OperatorBase* op = hooked_->GetOperators()[0];
    std::vector<double> times;
    for (int i = 0; i < 21; ++i) {
      const int64_t begin = CpuNs();
      for (size_t k = 0; k < kMarkersTimed; ++k) {
        op->StartAllObservers();
        op->StopAllObservers();
      }
      times.push_back(static_cast<double>(CpuNs() - begin) / kMarkersTimed);
      if (!reader_.DrainUntrusted(&markers_).ok()) std::abort();
      markers_.clear();
    }
    std::nth_element(times.begin(), times.begin() + 10, times.end());
    return times[10];
  }

 private:
  void Attach(const StampedLane& lane) {
    auto hook = std::make_unique<NetHook>(hooked_, &writer_, lane);
    hook_ = hook.get();
    hooked_->AttachObserver(std::move(hook));
  }

  static double Time(caffe2::NetBase* net) {
    const int64_t begin = CpuNs();
    if (!net->Run()) std::abort();
    return static_cast<double>(CpuNs() - begin);
  }

  const RingGeometry geometry_;
  UniqueFd fd_;
  MarkerRingWriter writer_;
  MarkerRingReader reader_{fd_.get(), geometry_};
  caffe2::Workspace workspace_;
  caffe2::NetBase* plain_ = nullptr;
  caffe2::NetBase* hooked_ = nullptr;
  NetHook* hook_ = nullptr;
  size_t operators_ = 0;
  std::vector<Marker> markers_;
};

struct Pairs {
  std::vector<double> log_ratios;  // with hooks / without
  std::vector<double> plain_ns;
};

// Until the median is known well enough, or time is over.
Pairs TimePairs(Nets& nets, int64_t deadline_ns) {
  std::mt19937_64 random(20240501);
  Pairs pairs;
  bool narrow = false;
  while (!narrow && MonotonicNs() < deadline_ns) {
    const bool hooked_first = random() % 2 == 0;
    const double first = hooked_first ? nets.TimeHooked() : nets.TimePlain();
    const double second = hooked_first ? nets.TimePlain() : nets.TimeHooked();
    pairs.plain_ns.push_back(hooked_first ? second : first);
    pairs.log_ratios.push_back(std::log(hooked_first ? first / second : second / first));
    const size_t count = pairs.log_ratios.size();
    if (count % kPairsPerTurn == 0) nets.Swap();
    if (count < kFewestPairs || count % (2 * kPairsPerTurn) != 0) continue;
    const Interval interval = MedianInterval(pairs.log_ratios);
    narrow = interval.high - interval.low <= 2 * kHalfWidth;
  }
  const size_t balanced = pairs.log_ratios.size() / (2 * kPairsPerTurn) * (2 * kPairsPerTurn);
  pairs.log_ratios.resize(balanced);
  pairs.plain_ns.resize(balanced);
  return pairs;
}

int Judge(const Nets& nets, double marker_ns, const Pairs& pairs, const Limits& limits) {
  const Interval log_ratio = MedianInterval(pairs.log_ratios);
  const double half_width = (log_ratio.high - log_ratio.low) / 2;
  const double low = std::exp(log_ratio.low);
  const double net_ns = MedianInterval(pairs.plain_ns).median;
  const double share = static_cast<double>(nets.operators()) * marker_ns / net_ns;
  fmt::print("squeezenet: {} operators, {:.2f} ms of CPU without hooks (median)\n",
             nets.operators(), net_ns * 1e-6);
  fmt::print("markers x cost / net time: {} x {:.1f} ns / {:.2f} ms = {:.4f} % (at most {} %)\n",
             nets.operators(), marker_ns, net_ns * 1e-6, share * 100, kMostShare * 100);
  fmt::print("with / without hooks: {:.5f}, 95 % [{:.5f}, {:.5f}], half-width {:.2f} %, {} pairs\n",
             std::exp(log_ratio.median), low, std::exp(log_ratio.high), half_width * 100,
             pairs.log_ratios.size());
  if (half_width > kHalfWidth) {
    fmt::print("limited by noise: the half-width did not come down to {} % in the time given\n",
               kHalfWidth * 100);
  }
  const bool within = low <= limits.ratio && share <= kMostShare && half_width <= limits.half_width;
  fmt::print("{}: at most {} % wide each way; the interval {} to {} or below\n",
             within ? "ok" : "FAILED", limits.half_width * 100,
             low <= limits.ratio ? "reaches down" : "does not reach down", limits.ratio);
  return within ? 0 : 1;
}

int Measure(const Limits& limits) {
  const auto entry = FindModel("squeezenet");
  if (!entry.ok()) return 1;
  const auto model = (*entry)->build(1, 1);
  if (!model.ok()) return 1;
  Nets nets(*model);
  const double marker_ns = nets.TimeMarker();
  const Pairs pairs = TimePairs(nets, MonotonicNs() + limits.seconds * 1'000'000'000);
  return Judge(nets, marker_ns, pairs, limits);
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  const bool smoke = argc > 1 && std::string_view(argv[1]) == "--smoke";
  int caffe2_argc = 1;
  caffe2::GlobalInit(&caffe2_argc, &argv);
  return synergy::Measure(smoke ? synergy::kSmoke : synergy::kFull);
}
