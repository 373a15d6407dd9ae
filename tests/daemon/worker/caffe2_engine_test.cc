// The engine in this process; what every engine must do is in tests/conformance. Compiled for each
// math back-end; SYNERGY_TEST_OPENBLAS is 1 or 0 accordingly.
#include "daemon/worker/caffe2_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "caffe2/core/operator.h"
#include "common/marker_ring_reader.h"
#include "common/tensor_pack.h"
#include "daemon/worker/seeded_normal.h"
#include "daemon/worker/tick_clock.h"
#include "tests/daemon/worker/caffe2_workspace.h"
#include "tests/support/memory_file.h"

namespace caffe2 {

// Ends when as many of its kind are within it as its argument `partners` says: what cannot be run
// one after the other.
class RendezvousOp final : public Operator<CPUContext> {
 public:
  USE_OPERATOR_FUNCTIONS(CPUContext);
  using Operator::Operator;

  bool RunOnDevice() override {
    const int partners = GetSingleArgument<int>("partners", 1);
    Output(0)->CopyFrom(Input(0));
    std::unique_lock lock(mutex_);
    const int round = arrived_++ / partners;
    met_.notify_all();
    return met_.wait_for(lock, std::chrono::seconds(30),
                         [&] { return arrived_ >= (round + 1) * partners; });
  }

 private:
  static inline std::mutex mutex_;
  static inline std::condition_variable met_;
  static inline int arrived_ = 0;
};
REGISTER_CPU_OPERATOR(Rendezvous, RendezvousOp);
OPERATOR_SCHEMA(Rendezvous).NumInputs(1).NumOutputs(1);

}  // namespace caffe2

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

  // As in GoogLeNet: four branches over one input, concatenated. The first operators of the
  // branches meet, two and two.
  static caffe2::NetDef Inception() {
    caffe2::NetDef net;
    net.set_name("inception");
    net.set_type("async_scheduling");
    std::vector<std::string> ends;
    for (const std::string branch : {"1x1", "3x3", "5x5", "pool"}) {
      *net.add_op() = MakeOp("Rendezvous", {"data"}, {branch}, {{"partners", int64_t{2}}});
      *net.add_op() = MakeOp("Relu", {branch}, {branch});
      ends.push_back(branch);
    }
    *net.add_op() = MakeOp("Concat", ends, {"out", "split"}, {{"axis", int64_t{1}}});
    net.add_external_output("out");
    return net;
  }

  // A net that copies the input `blob`, of any type, to "out".
  static caffe2::NetDef Copies() {
    caffe2::NetDef net;
    net.set_name("copies");
    *net.add_op() = MakeOp("Copy", {"data"}, {"out"});
    net.add_external_output("out");
    return net;
  }

  static v1::WorkerCommand::Load LoadCommand(const std::vector<int64_t>& dims,
                                             v1::DataType type = v1::DATA_TYPE_UNSPECIFIED) {
    v1::WorkerCommand::Load load;
    load.set_threads(1);
    v1::InputShape* input = load.add_inputs();
    input->set_blob("data");
    input->set_type(type);
    input->mutable_dims()->Assign(dims.begin(), dims.end());
    return load;
  }

  static UniqueFd PackFile(const std::vector<TensorView>& tensors) {
    UniqueFd file = MemoryFile("");
    EXPECT_TRUE(WriteTensorPack(tensors, file.get()).ok());
    return file;
  }
  template <typename T>
  static TensorView View(const std::string& name, v1::DataType type,
                         const std::vector<int64_t>& dims, const std::vector<T>& values) {
    return {.name = name,
            .type = type,
            .dims = dims,
            .bytes = {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}};
  }

  // The elements of the one output.
  template <typename T>
  std::vector<T> Outputs(v1::DataType type) {
    EXPECT_EQ(ftruncate(outputs_.get(), 0), 0);
    const auto written = engine_->WriteOutputs();
    EXPECT_TRUE(written.ok()) << written.status();
    const auto pack = MappedTensorPack::MapUntrusted(outputs_.get());
    EXPECT_TRUE(pack.ok()) << pack.status();
    if (!pack.ok() || pack->tensors().size() != 1) return {};
    const TensorView& view = pack->tensors()[0];
    EXPECT_EQ(view.type, type);
    const T* values = reinterpret_cast<const T*>(view.bytes.data());
    return {values, values + view.bytes.size() / sizeof(T)};
  }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const caffe2::NetDef& net, uint32_t threads) {
    v1::WorkerCommand::Load load = LoadCommand({1, 8, 16, 16});
    load.set_threads(threads);
    return Load(net, load);
  }

  absl::StatusOr<v1::WorkerEvent::Loaded> Load(const caffe2::NetDef& net,
                                               const v1::WorkerCommand::Load& load) {
    predict_ = MemoryFile(net.SerializeAsString());
    engine_ = MakeCaffe2Engine({.predict = predict_.get(),
                                .init = init_.get(),
                                .weights = files_.weights,
                                .inputs = files_.inputs,
                                .outputs = files_.outputs},
                               *MarkerRingWriter::Map(ring_.get()), LinkedMathBackend());
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
      all_.push_back(m);
      ++counts_[m.op];
      if (m.op < kOpClock) lanes_.insert(m.thread);
    }
  }

  const RingGeometry geometry_{.lanes = 8, .capacity = 1024};
  UniqueFd ring_{*CreateMarkerRing(geometry_)};
  MarkerRingReader reader_{ring_.get(), geometry_};
  UniqueFd predict_;
  UniqueFd init_ = MemoryFile("");
  UniqueFd outputs_ = MemoryFile("");
  EngineFiles files_{.outputs = outputs_.get()};  // the packs alone; the nets are above
  std::vector<Marker> all_;
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

TEST_F(Caffe2EngineTest, OperatorsThatOverlapHaveMarkersThatOverlapInLanesOfTheirOwn) {
  constexpr uint32_t kIterations = 10;
  const caffe2::NetDef net = Inception();
  const auto operators = static_cast<uint32_t>(net.op_size());
  v1::WorkerCommand::Load load = LoadCommand({1, 8, 16, 16});
  load.set_threads(2);
  ASSERT_TRUE(Load(net, load).ok());
  Drain();
  ASSERT_TRUE(Run(v1::PHASE_WARMUP, 0, 1).ok());
  Drain();
  all_.clear();
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, kIterations).ok());
  Drain();
  std::map<std::pair<uint32_t, uint32_t>, Marker> by_place;  // iteration and operator
  std::map<uint16_t, int64_t> lane_ends;
  std::map<uint32_t, Marker> nets;
  for (const Marker& m : all_) {
    if (m.op == kOpNet) nets[m.iteration] = m;
    if (m.op >= operators) continue;
    EXPECT_LE(m.begin_ns, m.end_ns);
    EXPECT_GE(m.begin_ns, lane_ends[m.thread]) << "a thread is in one operator at a time";
    lane_ends[m.thread] = m.end_ns;
    EXPECT_TRUE(by_place.emplace(std::pair(m.iteration, m.op), m).second) << "twice";
  }
  ASSERT_EQ(by_place.size(), size_t{kIterations} * operators);
  ASSERT_EQ(nets.size(), kIterations);
  EXPECT_EQ(lane_ends.size(), 2u) << "two workers";
  for (uint32_t i = 0; i < kIterations; ++i) {
    uint32_t overlaps = 0;
    for (uint32_t a = 0; a < 8; ++a) {
      const Marker& one = by_place.at({i, a});
      EXPECT_GE(one.begin_ns, nets.at(i).begin_ns);
      EXPECT_LE(one.end_ns, nets.at(i).end_ns);
      EXPECT_GE(by_place.at({i, 8}).begin_ns, one.end_ns) << "Concat waits for all";
      if (a % 2 != 0) {
        EXPECT_GE(one.begin_ns, by_place.at({i, a - 1}).end_ns) << "Relu waits for its input";
      }
      for (uint32_t b = a + 1; b < 8; ++b) {
        const Marker& other = by_place.at({i, b});
        if (one.begin_ns >= other.end_ns || other.begin_ns >= one.end_ns) continue;
        EXPECT_NE(one.thread, other.thread);
        ++overlaps;
      }
    }
    EXPECT_GE(overlaps, 2u) << "each of the two pairs met";
  }
  EXPECT_EQ(*reader_.Dropped(), 0u);
}

TEST_F(Caffe2EngineTest, WritesToAWeightStayInThisProcess) {
  caffe2::NetDef net;
  net.set_name("stateful");
  *net.add_op() = MakeOp("Relu", {"w"}, {"w"});
  *net.add_op() = MakeOp("Sum", {"data", "w"}, {"out"});
  net.add_external_output("out");
  const std::vector<float> w = {-1, 2}, data = {10, 20};
  const UniqueFd weights = PackFile({View("w", v1::DATA_TYPE_FLOAT32, {2}, w)});
  const UniqueFd values = PackFile({View("data", v1::DATA_TYPE_FLOAT32, {2}, data)});
  files_.weights = weights.get();
  files_.inputs = values.get();
  ASSERT_TRUE(Load(net, LoadCommand({2})).ok());
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 2).ok());
  EXPECT_THAT(Outputs<float>(v1::DATA_TYPE_FLOAT32), ElementsAre(10, 22));
  const auto pack = MappedTensorPack::MapUntrusted(weights.get());
  ASSERT_TRUE(pack.ok());
  EXPECT_EQ(pack->tensors()[0].bytes, View("", v1::DATA_TYPE_FLOAT32, {2}, w).bytes)
      << "the file is as it was";
}

TEST_F(Caffe2EngineTest, OutputsAreThoseOfTheInputsAlsoWhereTheNetWritesToThem) {
  caffe2::NetDef net;
  net.set_name("accumulates");
  *net.add_op() = MakeOp("Sum", {"data", "w"}, {"data"});
  net.add_external_output("data");
  const std::vector<float> w = {1, 2}, data = {10, 20};
  const UniqueFd weights = PackFile({View("w", v1::DATA_TYPE_FLOAT32, {2}, w)});
  const UniqueFd values = PackFile({View("data", v1::DATA_TYPE_FLOAT32, {2}, data)});
  files_.weights = weights.get();
  files_.inputs = values.get();
  const auto loaded = Load(net, LoadCommand({2}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->notes_size(), 1);
  EXPECT_EQ(loaded->notes(0).code(), "inputs_overwritten");
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 5).ok());
  Drain();
  all_.clear();
  EXPECT_THAT(Outputs<float>(v1::DATA_TYPE_FLOAT32), ElementsAre(11, 22));
  Drain();
  EXPECT_THAT(all_, IsEmpty());
}

TEST_F(Caffe2EngineTest, InputsMayHaveAnyTypeOfAPack) {
  const auto through = [&]<typename T>(v1::DataType type, const std::vector<T>& values) {
    const UniqueFd file = PackFile({View("data", type, {2, 2}, values)});
    files_.inputs = file.get();
    ASSERT_TRUE(Load(Copies(), LoadCommand({2, 2}, type)).ok());
    ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 1).ok());
    EXPECT_EQ(Outputs<T>(type), values) << DataTypeName(type);
  };
  through(v1::DATA_TYPE_FLOAT32, std::vector<float>{1, -2.5f, 3e30f, 0});
  through(v1::DATA_TYPE_FLOAT64, std::vector<double>{1, -2.5, 3e300, 0});
  through(v1::DATA_TYPE_INT32, std::vector<int32_t>{1, -2, 1 << 30, 0});
  through(v1::DATA_TYPE_INT64, std::vector<int64_t>{1, -2, int64_t{1} << 60, 0});
  through(v1::DATA_TYPE_UINT8, std::vector<uint8_t>{1, 255, 7, 0});
  through(v1::DATA_TYPE_BOOL, std::vector<uint8_t>{1, 0, 1, 1});
}

TEST_F(Caffe2EngineTest, AnInputMayBeAScalar) {
  const std::vector<float> value = {2.5f};
  const UniqueFd file = PackFile({View("data", v1::DATA_TYPE_FLOAT32, {}, value)});
  files_.inputs = file.get();
  ASSERT_TRUE(Load(Copies(), LoadCommand({})).ok());
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 1).ok());
  EXPECT_EQ(Outputs<float>(v1::DATA_TYPE_FLOAT32), value);
}

TEST_F(Caffe2EngineTest, InputsWithoutValuesAreSeededNormalOrZeros) {
  const auto filled = [&]<typename T>(v1::DataType type, T /*kind*/) {
    EXPECT_TRUE(Load(Copies(), LoadCommand({2, 2}, type)).ok());
    EXPECT_TRUE(Run(v1::PHASE_MEASURE, 0, 1).ok());
    return Outputs<T>(type);
  };
  std::vector<float> normal(4);
  FillSeededNormal(0, 0, normal.data(), normal.size());
  EXPECT_EQ(filled(v1::DATA_TYPE_FLOAT32, 0.0f), normal);
  EXPECT_EQ(filled(v1::DATA_TYPE_FLOAT64, 0.0), std::vector<double>(normal.begin(), normal.end()));
  EXPECT_THAT(filled(v1::DATA_TYPE_INT64, int64_t{0}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(filled(v1::DATA_TYPE_UINT8, uint8_t{0}), ElementsAre(0, 0, 0, 0));
}

TEST_F(Caffe2EngineTest, RefusesOutputsThatAreNoTensors) {
  caffe2::NetDef net = Copies();
  *net.add_op() = MakeOp("GivenTensorStringFill", {}, {"words"},
                         {{"shape", std::vector<int64_t>{0}}, {"values", std::vector<int64_t>{}}});
  net.add_external_output("words");
  ASSERT_TRUE(Load(net, LoadCommand({2})).ok());
  ASSERT_TRUE(Run(v1::PHASE_MEASURE, 0, 1).ok());
  EXPECT_THAT(engine_->WriteOutputs().status().ToString(), HasSubstr("output 'words'"));
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
