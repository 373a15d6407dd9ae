// The engine in this process; what every engine must do is in tests/conformance. Compiled for each
// math back-end; SYNERGY_TEST_OPENBLAS is 1 or 0 accordingly.
#include "daemon/worker/caffe2_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/marker_ring_reader.h"
#include "daemon/worker/tick_clock.h"
#include "tests/daemon/worker/caffe2_workspace.h"
#include "tests/support/memory_file.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class Caffe2EngineTest : public Caffe2Workspace {
 protected:
  // data -> two branches of two Relu each -> Sum, of the given net type.
  static caffe2::NetDef Branches(const std::string& type) {
    caffe2::NetDef net;
    net.set_name("branches");
    net.set_type(type);
    for (const std::string side : {"left", "right"}) {
      *net.add_op() = MakeOp("Relu", {"data"}, {side});
      *net.add_op() = MakeOp("Clip", {side}, {side + "_end"}, {{"min", 0.0f}, {"max", 1.0f}});
    }
    *net.add_op() = MakeOp("Sum", {"left_end", "right_end"}, {"out"});
    net.add_external_output("out");
    return net;
  }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const caffe2::NetDef& net, uint32_t threads) {
    predict_ = MemoryFile(net.SerializeAsString());
    engine_ = MakeCaffe2Engine(predict_.get(), init_.get(), *MarkerRingWriter::Map(ring_.get()),
                               LinkedMathBackend());
    v1::WorkerCommand::Load load;
    load.set_threads(threads);
    v1::InputShape* input = load.add_inputs();
    input->set_blob("data");
    for (const int64_t d : {1, 8, 16, 16}) input->add_dims(d);
    return engine_->Load(load);
  }

  absl::Status Run(v1::Phase phase, uint32_t first, uint32_t count) {
    v1::WorkerCommand::Run run;
    run.set_phase(phase);
    run.set_first_iteration(first);
    run.set_count(count);
    return engine_->Run(run, [this](const v1::OperatorTable& table) {
      tables_.push_back(table);
      Drain();
      iterations_at_report_ = counts_[kOpNet];
      return absl::OkStatus();
    });
  }

  void Drain() {
    std::vector<Marker> markers;
    ASSERT_TRUE(reader_.DrainUntrusted(&markers).ok());
    for (const Marker& m : markers) {
      ++counts_[m.op];
      if (m.op < kOpClock) lanes_.insert(m.thread);
    }
  }

  const RingGeometry geometry_{.lanes = 8, .capacity = 1024};
  UniqueFd ring_{*CreateMarkerRing(geometry_)};
  MarkerRingReader reader_{ring_.get(), geometry_};
  UniqueFd predict_;
  UniqueFd init_ = MemoryFile("");
  std::unique_ptr<Engine> engine_;
  std::vector<v1::OperatorTable> tables_;
  std::map<uint32_t, uint32_t> counts_;
  std::set<uint16_t> lanes_;
  uint32_t iterations_at_report_ = 0;
};

TEST_F(Caffe2EngineTest, SaysWhatItIs) {
  ASSERT_TRUE(Load(Branches("simple"), 1).ok());
  EXPECT_EQ(engine_->name(), SYNERGY_TEST_OPENBLAS ? "caffe2-openblas" : "caffe2-eigen");
  EXPECT_THAT(engine_->version(),
              testing::MatchesRegex("Caffe2 of PyTorch 1\\.13\\.1, (OpenBLAS|Eigen) [0-9.]+.*"));
}

TEST_F(Caffe2EngineTest, ReportsOperatorsEarlyInWarmUpAndLateInAMeasuredBlock) {
  ASSERT_TRUE(Load(Branches("simple"), 1).ok());
  ASSERT_TRUE(Run(v1::PHASE_WARMUP, 0, 3).ok());
  EXPECT_EQ(iterations_at_report_, 1u);
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 3).ok());
  EXPECT_EQ(tables_.size(), 1u) << "once in its life";

  ASSERT_TRUE(Load(Branches("simple"), 1).ok());
  Drain();
  counts_.clear();
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 3).ok());
  EXPECT_EQ(iterations_at_report_, 3u) << "nothing comes between measured iterations";
}

TEST_F(Caffe2EngineTest, RecordsItsClockAroundEveryBlock) {
  if (!CounterIsTrusted()) GTEST_SKIP() << "stamps by clock_gettime need no calibration";
  ASSERT_TRUE(Load(Branches("simple"), 1).ok());
  // Until there is a rate there is nothing to record: 5 ms after the first reading at the latest.
  const int64_t until = MonotonicNs() + 10'000'000;
  while (MonotonicNs() < until) {
  }
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 1).ok());
  Drain();
  counts_.clear();
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 1, 1).ok());
  Drain();
  EXPECT_GE(counts_[kOpClock], 2u);
}

TEST_F(Caffe2EngineTest, ParallelNetTypesLoseNoMarker) {
  for (const char* type : {"async_scheduling", "dag"}) {
    ASSERT_TRUE(Load(Branches(type), 2).ok()) << type;
    Drain();
    counts_.clear();
    lanes_.clear();
    ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 20).ok());
    Drain();
    for (uint32_t op = 0; op < 5; ++op) EXPECT_EQ(counts_[op], 20u) << type << ", operator " << op;
    EXPECT_EQ(counts_[kOpNet], 20u);
    EXPECT_FALSE(lanes_.contains(0)) << "workers run the operators, the main thread waits";
    EXPECT_EQ(*reader_.Dropped(), 0u);
  }
}

TEST_F(Caffe2EngineTest, ThreadsAreTheMathLibrarysInSimpleNets) {
  const auto loaded = Load(Branches("simple"), 2);
  if (SYNERGY_TEST_OPENBLAS) {
    EXPECT_TRUE(loaded.ok()) << loaded.status();
  } else {
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(loaded.status().ToString(), HasSubstr("caffe2-eigen runs operators on at most 1"));
  }
  EXPECT_EQ(Load(Branches("simple"), 100'000).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(Caffe2EngineTest, SaysWhichOperatorFailedAndStopsThere) {
  caffe2::NetDef net = Branches("simple");
  *net.mutable_op(2) =
      MakeOp("Transpose", {"data"}, {"right"}, {{"axes", std::vector<int64_t>{0}}});
  ASSERT_TRUE(Load(net, 1).ok());
  const absl::Status status = Run(v1::PHASE_MEASURE, 4, 3);
  EXPECT_THAT(status.ToString(), HasSubstr("operator 2 (Transpose) in iteration 4"));
  EXPECT_EQ(engine_->failed_operator(), 2u);
  Drain();
  EXPECT_EQ(counts_[3], 0u);
  EXPECT_TRUE(tables_.empty());
}

TEST_F(Caffe2EngineTest, FailureInAParallelNetNamesTheOperatorToo) {
  caffe2::NetDef net = Branches("async_scheduling");
  *net.mutable_op(2) =
      MakeOp("Transpose", {"data"}, {"right"}, {{"axes", std::vector<int64_t>{0}}});
  ASSERT_TRUE(Load(net, 2).ok());
  EXPECT_FALSE(Run(v1::PHASE_MEASURE, 0, 3).ok());
  EXPECT_EQ(engine_->failed_operator(), 2u);
}

TEST_F(Caffe2EngineTest, RefusesOperatorsForOtherDevices) {
  caffe2::NetDef net = Branches("simple");
  net.mutable_op(1)->mutable_device_option()->set_device_type(caffe2::PROTO_CUDA);
  EXPECT_THAT(Load(net, 1).status().ToString(), HasSubstr("operator 1 (Clip) is not for the CPU"));
  net = Branches("simple");
  net.mutable_device_option()->set_device_type(caffe2::PROTO_CUDA);
  EXPECT_THAT(Load(net, 1).status().ToString(), HasSubstr("not for the CPU"));
}

}  // namespace
}  // namespace synergy
