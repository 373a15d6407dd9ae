#include "daemon/worker/operator_hook.h"

#include <caffe2/core/operator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <thread>

#include "common/marker_ring_reader.h"
#include "common/unique_fd.h"
#include "tests/daemon/worker/caffe2_workspace.h"
#include "tests/daemon/worker/kernel_counters.h"
#include "tests/support/allocation_count.h"

namespace synergy {
namespace {

using testing::ElementsAre;

constexpr uint8_t kMeasure = 4;

// What the operator "Probe" does while it runs.
std::function<void()>& Probe() {
  static auto* const probe = new std::function<void()>;
  return *probe;
}

class ProbeOperator final : public caffe2::Operator<caffe2::CPUContext> {
 public:
  using Operator::Operator;
  bool RunOnDevice() override {
    caffe2::Tensor* out = Output(0, {1}, at::dtype<float>());
    out->mutable_data<float>()[0] = 0;
    Probe()();
    return true;
  }
};

}  // namespace
}  // namespace synergy

namespace caffe2 {
REGISTER_CPU_OPERATOR(Probe, synergy::ProbeOperator);
OPERATOR_SCHEMA(Probe).NumInputs(0, 2).NumOutputs(1);
}  // namespace caffe2

namespace synergy {
namespace {

class OperatorHookTest : public Caffe2Workspace {
 protected:
  void Create(const std::vector<caffe2::OperatorDef>& ops) {
    caffe2::NetDef def;
    def.set_name("net");
    for (const caffe2::OperatorDef& op : ops) *def.add_op() = op;
    net_ = workspace_.CreateNet(def, true);
    ASSERT_NE(net_, nullptr);
    auto hook = std::make_unique<NetHook>(
        net_, &writer_, StampedLane(writer_.Claim(), TickClock(CounterIsTrusted())));
    hook_ = hook.get();
    net_->AttachObserver(std::move(hook));
  }

  std::vector<Marker> Take() {
    std::vector<Marker> markers;
    EXPECT_TRUE(reader_.DrainUntrusted(&markers).ok());
    std::erase_if(markers, [](const Marker& m) { return m.op == kOpClock; });
    return markers;
  }

  CurrentOperator Current() {
    std::vector<CurrentOperator> current;
    EXPECT_TRUE(reader_.ReadCurrentUntrusted(&current).ok());
    return current.at(0);
  }

  const RingGeometry geometry_{.lanes = 4, .capacity = 256};
  UniqueFd fd_{*CreateMarkerRing(geometry_)};
  MarkerRingWriter writer_{*MarkerRingWriter::Map(fd_.get())};
  MarkerRingReader reader_{fd_.get(), geometry_};
  caffe2::NetBase* net_ = nullptr;
  NetHook* hook_ = nullptr;
};

TEST_F(OperatorHookTest, SlotNamesTheOperatorWhileItRuns) {
  Create({MakeOp("Probe", {}, {"a"}), MakeOp("Probe", {}, {"b"})});
  std::vector<CurrentOperator> seen;
  Probe() = [&] { seen.push_back(Current()); };
  hook_->SetIteration(kMeasure, 17);
  const int64_t before = MonotonicNs();
  ASSERT_TRUE(net_->Run());
  ASSERT_EQ(seen.size(), 2u);
  for (uint32_t op = 0; op < 2; ++op) {
    EXPECT_EQ(seen[op].op, op);
    EXPECT_EQ(seen[op].iteration, 17u);
    EXPECT_EQ(seen[op].phase, kMeasure);
    EXPECT_GE(seen[op].begin_ns, before);
  }
  EXPECT_EQ(Current().op, kOpNone);
}

TEST_F(OperatorHookTest, CountsFollowTheMarkerOfTheirOperator) {
  const auto counters =
      OpenKernelCounters({1, 2}, {"page-faults", "task-clock", "minor-faults"}, true, {gettid()});
  if (counters == nullptr) GTEST_SKIP() << "perf_event_open is not allowed here";
  Create({MakeOp("Probe", {}, {"a"}), MakeOp("Relu", {"a"}, {"a"})});
  Probe() = TouchPages;
  ASSERT_TRUE(net_->Run());  // the first one looks at tensors
  Take();
  hook_->SetCounters(counters.get());
  for (uint32_t iteration = 0; iteration < 2; ++iteration) {
    counters->Turn(iteration);
    hook_->SetIteration(kMeasure, iteration);
    ASSERT_TRUE(net_->Run());
  }
  hook_->SetCounters(nullptr);
  ASSERT_TRUE(net_->Run());
  std::vector<std::array<uint32_t, 3>> seen;  // iteration, operator, event
  std::vector<int64_t> counts;
  for (const Marker& m : Take()) {
    seen.push_back({m.iteration, m.op, m.event});
    if (m.event != 0) counts.push_back(m.end_ns - m.begin_ns);
  }
  using Row = std::array<uint32_t, 3>;
  EXPECT_THAT(seen, ElementsAre(Row{0, 0, 0}, Row{0, 0, 1}, Row{0, 1, 0}, Row{0, 1, 1},
                                Row{1, 0, 0}, Row{1, 0, 2}, Row{1, 0, 3}, Row{1, 1, 0},
                                Row{1, 1, 2}, Row{1, 1, 3}, Row{1, 0, 0}, Row{1, 1, 0}));
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_GE(counts[0], static_cast<int64_t>(kTouchedPages));
  EXPECT_LT(counts[1], static_cast<int64_t>(kTouchedPages)) << "Relu touches one float";
  EXPECT_GT(counts[2], 0) << "ns on a CPU";
  EXPECT_GE(counts[3], static_cast<int64_t>(kTouchedPages));
}

TEST_F(OperatorHookTest, MarkersComeInTheOrderOfExecution) {
  Create({MakeOp("Probe", {}, {"a"}), MakeOp("Relu", {"a"}, {"a"}), MakeOp("Probe", {}, {"b"})});
  Probe() = [] {};
  for (uint32_t iteration = 0; iteration < 2; ++iteration) {
    hook_->SetIteration(kMeasure, iteration);
    ASSERT_TRUE(net_->Run());
  }
  const std::vector<Marker> markers = Take();
  ASSERT_EQ(markers.size(), 6u);
  for (uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(markers[i].op, i % 3);
    EXPECT_EQ(markers[i].iteration, i / 3);
    EXPECT_LE(markers[i].begin_ns, markers[i].end_ns);
    if (i > 0) {
      EXPECT_LE(markers[i - 1].end_ns, markers[i].begin_ns);
    }
  }
}

TEST_F(OperatorHookTest, SpansWhatTheOperatorTakes) {
  Create({MakeOp("Probe", {}, {"a"})});
  int64_t begin = 0;
  int64_t end = 0;
  Probe() = [&] {
    begin = MonotonicNs();
    while (MonotonicNs() < begin + 3'000'000) {
    }
    end = MonotonicNs();
  };
  ASSERT_TRUE(net_->Run());
  const std::vector<Marker> markers = Take();
  ASSERT_EQ(markers.size(), 1u);
  EXPECT_LE(markers[0].begin_ns, begin + 1000);
  EXPECT_GE(markers[0].end_ns, end - 1000);
}

TEST_F(OperatorHookTest, NeitherTheFirstExecutionNorALaterOneAllocates) {
  FeedNormal("x", {2, 3, 4, 5});
  Create({MakeOp("Relu", {"x"}, {"y"})});
  caffe2::OperatorBase* op = net_->GetOperators()[0];
  workspace_.RunOperatorOnce(MakeOp("Relu", {"x"}, {"y"}));
  for (int i = 0; i < 3; ++i) {
    const int64_t before = AllocationCount();
    op->StartAllObservers();
    op->StopAllObservers();
    EXPECT_EQ(AllocationCount() - before, 0) << "execution " << i;
  }
  EXPECT_EQ(Take().size(), 3u);
  EXPECT_THAT(hook_->operators()[0]->outputs()[0].dims, ElementsAre(2, 3, 4, 5));
}

TEST_F(OperatorHookTest, SeesShapesAsTheyWereEvenInPlace) {
  FeedNormal("x", {2, 6});
  Create({MakeOp("Reshape", {"x"}, {"x", "old"}, {{"shape", std::vector<int64_t>{3, 4}}}),
          MakeOp("Flatten", {"x"}, {"y"})});
  ASSERT_TRUE(net_->Run());
  const OperatorHook& reshape = *hook_->operators()[0];
  EXPECT_THAT(reshape.inputs()[0].dims, ElementsAre(2, 6));
  EXPECT_THAT(reshape.outputs()[0].dims, ElementsAre(3, 4));
  EXPECT_TRUE(reshape.outputs()[1].type.Match<int64_t>());
  EXPECT_THAT(hook_->operators()[1]->inputs()[0].dims, ElementsAre(3, 4));
}

TEST_F(OperatorHookTest, EveryThreadHasALaneOfItsOwn) {
  FeedNormal("x", {1});
  Create({MakeOp("Relu", {"x"}, {"y"})});
  ASSERT_TRUE(net_->Run());
  std::thread([&] { ASSERT_TRUE(net_->Run()); }).join();
  std::thread([&] { ASSERT_TRUE(net_->Run()); }).join();
  const std::vector<Marker> markers = Take();
  ASSERT_EQ(markers.size(), 3u);
  EXPECT_EQ(markers[0].thread, 0);
  EXPECT_EQ(markers[1].thread, 1);
  EXPECT_EQ(markers[2].thread, 2);
}

TEST_F(OperatorHookTest, OperatorThatThrowsLeavesAnEmptySlotAndItsMarker) {
  Create({MakeOp("Probe", {}, {"a"}), MakeOp("Probe", {}, {"b"})});
  int calls = 0;
  Probe() = [&] {
    if (++calls == 2) throw std::runtime_error("broken");
  };
  EXPECT_THROW(net_->Run(), std::runtime_error);
  EXPECT_EQ(Take().size(), 2u);
  EXPECT_EQ(Current().op, kOpNone);
  EXPECT_EQ(workspace_.last_failed_op_net_position, 1);
}

}  // namespace
}  // namespace synergy
