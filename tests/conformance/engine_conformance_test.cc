// What any engine must do (proto/synergy/v1/worker.proto), checked on the executable that the
// environment variable SYNERGY_ENGINE names. SYNERGY_LAUNCHER, where it is set, names the launcher
// to start it with.
//
// To check an engine of your own:
//   SYNERGY_ENGINE=/path/synergy-worker-mine SYNERGY_LAUNCHER=.../synergy-launcher
//   engine_conformance_test
#include <caffe2/proto/caffe2.pb.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "common/iteration_pause.h"
#include "common/tensor_pack.h"
#include "tests/conformance/engine_process.h"
#include "tests/support/memory_file.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kOperators = 4;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

caffe2::OperatorDef* AddOp(caffe2::NetDef* net, const std::string& type, const std::string& name,
                           const std::vector<std::string>& inputs, const std::string& output) {
  caffe2::OperatorDef* op = net->add_op();
  op->set_type(type);
  op->set_name(name);
  for (const std::string& input : inputs) op->add_input(input);
  op->add_output(output);
  return op;
}

void AddArg(caffe2::OperatorDef* op, const std::string& name, int64_t value) {
  caffe2::Argument* arg = op->add_arg();
  arg->set_name(name);
  arg->set_i(value);
}

void AddFill(caffe2::NetDef* init, const std::string& blob, const std::vector<int64_t>& dims,
             float value) {
  caffe2::OperatorDef* op = AddOp(init, "ConstantFill", "", {}, blob);
  caffe2::Argument* shape = op->add_arg();
  shape->set_name("shape");
  for (const int64_t d : dims) shape->add_ints(d);
  caffe2::Argument* filled = op->add_arg();
  filled->set_name("value");
  filled->set_f(value);
}

// data (2 x 3 x 8 x 8) -> Conv 3x3 to 4 channels -> Relu in place -> FC to 5 -> Softmax
caffe2::NetDef SmallNet() {
  caffe2::NetDef net;
  net.set_name("small");
  net.set_type("simple");
  AddArg(AddOp(&net, "Conv", "conv", {"data", "w", "b"}, "x"), "kernel", 3);
  AddOp(&net, "Relu", "relu", {"x"}, "x");
  AddOp(&net, "FC", "fc", {"x", "fw", "fb"}, "y");
  AddOp(&net, "Softmax", "softmax", {"y"}, "p");
  for (const char* blob : {"data", "w", "b", "fw", "fb"}) net.add_external_input(blob);
  net.add_external_output("p");
  return net;
}

caffe2::NetDef SmallInit() {
  caffe2::NetDef init;
  init.set_name("small_init");
  AddFill(&init, "w", {4, 3, 3, 3}, 0.1f);
  AddFill(&init, "b", {4}, 0.2f);
  AddFill(&init, "fw", {5, 4 * 6 * 6}, 0.01f);
  AddFill(&init, "fb", {5}, 0.0f);
  return init;
}

// data (1 x 3) -> FC with w (2 x 3) and b (2) -> y
caffe2::NetDef ScaleNet() {
  caffe2::NetDef net;
  net.set_name("scale");
  AddOp(&net, "FC", "fc", {"data", "w", "b"}, "y");
  for (const char* blob : {"data", "w", "b"}) net.add_external_input(blob);
  net.add_external_output("y");
  return net;
}

// A tensor whose elements live as long as the test program.
TensorView Floats(const std::string& name, const std::vector<int64_t>& dims,
                  const std::vector<float>& values) {
  static auto* const kept = new std::deque<std::vector<float>>;
  const std::vector<float>& own = kept->emplace_back(values);
  return {.name = name,
          .type = v1::DATA_TYPE_FLOAT32,
          .dims = dims,
          .bytes = {reinterpret_cast<const char*>(own.data()), own.size() * sizeof(float)}};
}

std::string Pack(const std::vector<TensorView>& tensors) {
  const UniqueFd file = MemoryFile("");
  EXPECT_TRUE(WriteTensorPack(tensors, file.get()).ok());
  std::string bytes(static_cast<size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

// The elements of the pack's tensor of that name; none where there is no such tensor of floats.
std::vector<float> FloatsOf(const std::string& pack, const std::string& name) {
  const absl::StatusOr<MappedTensorPack> mapped =
      MappedTensorPack::MapUntrusted(MemoryFile(pack).get());
  EXPECT_TRUE(mapped.ok()) << mapped.status();
  std::vector<float> values;
  if (!mapped.ok()) return values;
  for (const TensorView& view : mapped->tensors()) {
    if (view.name != name || view.type != v1::DATA_TYPE_FLOAT32) continue;
    values.resize(view.bytes.size() / sizeof(float));
    view.bytes.copy(reinterpret_cast<char*>(values.data()), view.bytes.size());
  }
  return values;
}

v1::WorkerCommand LoadCommand(const std::vector<int64_t>& dims = {2, 3, 8, 8}) {
  v1::WorkerCommand command;
  v1::WorkerCommand::Load* load = command.mutable_load();
  load->set_protocol_version(kWorkerProtocolVersion);
  load->set_threads(1);
  load->set_seed(7);
  v1::InputShape* input = load->add_inputs();
  input->set_blob("data");
  for (const int64_t d : dims) input->add_dims(d);
  return command;
}

v1::WorkerCommand RunCommand(v1::Phase phase, uint32_t first, uint32_t count) {
  v1::WorkerCommand command;
  command.mutable_run()->set_phase(phase);
  command.mutable_run()->set_first_iteration(first);
  command.mutable_run()->set_count(count);
  return command;
}

v1::WorkerCommand LoopCommand(uint32_t op, Nanoseconds least, uint32_t most = 1'000'000) {
  v1::WorkerCommand command;
  command.mutable_loop()->set_op(op);
  command.mutable_loop()->set_least_ns(static_cast<uint64_t>(least.count));
  command.mutable_loop()->set_most(most);
  return command;
}

int64_t NowNs() { return RealClock().Now().ns; }

class EngineConformance : public testing::Test {
 protected:
  void SetUp() override {
    options_.engine = Environment("SYNERGY_ENGINE");
    options_.launcher = Environment("SYNERGY_LAUNCHER");
    ASSERT_FALSE(options_.engine.empty()) << "set SYNERGY_ENGINE to the engine's path";
    options_.predict = SmallNet().SerializeAsString();
    options_.init = SmallInit().SerializeAsString();
    options_.ring = {.lanes = 4, .capacity = 1024};
  }

  void Start() { engine_.emplace(options_); }

  // The next event, or one without any case at the end of the connection.
  v1::WorkerEvent Next() {
    absl::StatusOr<std::optional<v1::WorkerEvent>> event = engine_->Receive();
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok() || !event->has_value()) return {};
    return **event;
  }

  void Send(const v1::WorkerCommand& command) { ASSERT_TRUE(engine_->Send(command).ok()); }

  void StartAndLoad() {
    Start();
    ASSERT_TRUE(Next().has_hello());
    Send(LoadCommand());
    const v1::WorkerEvent event = Next();
    ASSERT_TRUE(event.has_loaded()) << event.failed().text();
  }

  // Asks for the outputs; the event that answers.
  v1::WorkerEvent WriteOutputs() {
    v1::WorkerCommand command;
    command.mutable_write_outputs();
    Send(command);
    return Next();
  }

  // Starts the engine and expects that Load fails; the text of the failure.
  std::string LoadFailure(const v1::WorkerCommand& load) {
    Start();
    EXPECT_TRUE(Next().has_hello());
    Send(load);
    return ExpectFailureAndEnd().text();
  }

  // One Failed event, then the end, with an exit status that is no success and no signal.
  v1::WorkerEvent::Failed ExpectFailureAndEnd() {
    const v1::WorkerEvent event = Next();
    EXPECT_TRUE(event.has_failed()) << event.DebugString();
    EXPECT_THAT(event.failed().text(), Not(IsEmpty()));
    ExpectEnd();
    const int status = engine_->Wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 0) << status;
    return event.failed();
  }

  void ExpectEnd() {
    EXPECT_EQ(Next().event_case(), v1::WorkerEvent::EVENT_NOT_SET) << "an event too many";
  }

  EngineProcess::Options options_;
  std::optional<EngineProcess> engine_;
};

TEST_F(EngineConformance, SaysHelloUnasked) {
  Start();
  const v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_hello());
  EXPECT_EQ(event.hello().protocol_version(), kWorkerProtocolVersion);
  EXPECT_EQ("synergy-worker-" + event.hello().engine(),
            std::filesystem::path(options_.engine).filename());
  EXPECT_THAT(event.hello().engine_version(), Not(IsEmpty()));
}

TEST_F(EngineConformance, AnswersEachCommandWithOneEvent) {
  StartAndLoad();
  Send(RunCommand(v1::PHASE_WARMUP, 0, 2));
  v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_operators()) << "before the first BlockDone";
  event = Next();
  ASSERT_TRUE(event.has_block_done());
  EXPECT_EQ(event.block_done().first_iteration(), 0u);
  EXPECT_EQ(event.block_done().count(), 2u);
  for (const uint32_t first : {0u, 5u}) {
    Send(RunCommand(v1::PHASE_MEASURE, first, 5));
    event = Next();
    ASSERT_TRUE(event.has_block_done()) << "Operators come once";
    EXPECT_EQ(event.block_done().first_iteration(), first);
    EXPECT_EQ(event.block_done().count(), 5u);
  }
  v1::WorkerCommand exit_command;
  exit_command.mutable_exit();
  Send(exit_command);
  ExpectEnd();
  EXPECT_EQ(engine_->Wait(), 0);
}

TEST_F(EngineConformance, NamesTheNetAndItsOperators) {
  Start();
  ASSERT_TRUE(Next().has_hello());
  Send(LoadCommand());
  const v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_loaded());
  EXPECT_EQ(event.loaded().net_name(), "small");
  EXPECT_EQ(event.loaded().operators(), static_cast<uint32_t>(kOperators));
}

TEST_F(EngineConformance, ReportsOperatorsWithTheShapesThatTheyReallyHad) {
  StartAndLoad();
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  const v1::WorkerEvent event = Next();
  ASSERT_EQ(event.operators().operators_size(), kOperators);
  const char* names[] = {"conv", "relu", "fc", "softmax"};
  const char* types[] = {"Conv", "Relu", "FC", "Softmax"};
  for (int i = 0; i < kOperators; ++i) {
    const v1::OperatorInfo& op = event.operators().operators(i);
    EXPECT_EQ(op.index(), static_cast<uint32_t>(i));
    EXPECT_EQ(op.name(), names[i]);
    EXPECT_EQ(op.type(), types[i]);
  }
  const v1::OperatorInfo& conv = event.operators().operators(0);
  ASSERT_EQ(conv.inputs_size(), 3);
  EXPECT_EQ(conv.inputs(0).blob(), "data");
  EXPECT_THAT(conv.inputs(0).dims(), ElementsAre(2, 3, 8, 8));
  EXPECT_THAT(conv.inputs(1).dims(), ElementsAre(4, 3, 3, 3));
  ASSERT_EQ(conv.outputs_size(), 1);
  EXPECT_THAT(conv.outputs(0).dims(), ElementsAre(2, 4, 6, 6));
  EXPECT_THAT(event.operators().operators(3).outputs(0).dims(), ElementsAre(2, 5));
  if (conv.has_cost()) {
    EXPECT_EQ(conv.macs(), 2 * 4 * 6 * 6 * 3 * 3 * 3);
    EXPECT_THAT(conv.cost_source(), testing::AnyOf("caffe2", "synergy"));
  }
}

// The heart of the matter: which markers, in which order, at which times.
TEST_F(EngineConformance, WritesOneMarkerPerOperatorAndIteration) {
  const int64_t before = NowNs();
  StartAndLoad();
  const int64_t loaded = NowNs();
  const std::vector<Marker> setup = engine_->TakeMarkers();
  std::map<uint32_t, int> kinds;
  for (const Marker& m : setup) {
    EXPECT_EQ(m.phase, v1::PHASE_SETUP);
    EXPECT_GE(m.begin_ns, before);
    EXPECT_LE(m.end_ns, loaded);
    ++kinds[m.op];
  }
  EXPECT_GE(kinds[kOpLoad], 1);
  EXPECT_EQ(kinds[kOpInit], 1);
  EXPECT_EQ(kinds.size(), kinds.contains(kOpClock) ? 3u : 2u) << "an operator ran before Run";

  Send(RunCommand(v1::PHASE_MEASURE, 10, 3));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  const int64_t done = NowNs();
  std::vector<Marker> nets;
  std::vector<Marker> operators;
  for (const Marker& m : engine_->TakeMarkers()) {
    EXPECT_GE(m.begin_ns, loaded);
    EXPECT_LE(m.end_ns, done);
    if (m.op == kOpClock) continue;
    EXPECT_EQ(m.phase, v1::PHASE_MEASURE);
    EXPECT_EQ(m.device, 0);
    (m.op == kOpNet ? nets : operators).push_back(m);
  }
  ASSERT_EQ(nets.size(), 3u);
  ASSERT_EQ(operators.size(), 3u * kOperators);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(nets[i].iteration, 10 + i);
    int64_t at = nets[i].begin_ns;
    for (uint32_t op = 0; op < kOperators; ++op) {
      const Marker& m = operators[i * kOperators + op];
      EXPECT_EQ(m.op, op);
      EXPECT_EQ(m.iteration, 10 + i);
      EXPECT_GE(m.begin_ns, at) << "operators of a simple net follow each other";
      at = m.end_ns;
    }
    EXPECT_LE(at, nets[i].end_ns);
    if (i > 0) {
      EXPECT_GE(nets[i].begin_ns, nets[i - 1].end_ns);
    }
  }
}

TEST_F(EngineConformance, RestsBeforeEachIterationAsTheSeedSays) {
  const Nanoseconds longest = Milliseconds(3);
  v1::WorkerCommand run = RunCommand(v1::PHASE_MEASURE, 4, 5);
  run.mutable_run()->set_longest_pause_ns(static_cast<uint64_t>(longest.count));
  StartAndLoad();
  engine_->TakeMarkers();
  int64_t at = NowNs();
  Send(run);
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  std::vector<Marker> nets;
  for (const Marker& m : engine_->TakeMarkers()) {
    if (m.op == kOpNet) nets.push_back(m);
  }
  ASSERT_EQ(nets.size(), 5u);
  for (const Marker& net : nets) {
    const uint64_t seed = LoadCommand().load().seed();
    EXPECT_GE(net.begin_ns - at, PauseBefore(seed, net.iteration, longest).count);
    at = net.end_ns;
  }
}

TEST_F(EngineConformance, RefusesPausesThatAreTooLong) {
  v1::WorkerCommand run = RunCommand(v1::PHASE_MEASURE, 0, 1);
  run.mutable_run()->set_longest_pause_ns(static_cast<uint64_t>(kLongestPause.count) + 1);
  StartAndLoad();
  Send(run);
  ExpectFailureAndEnd();
}

TEST_F(EngineConformance, RepeatsAnOperatorBehindThoseBeforeIt) {
  StartAndLoad();
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  engine_->TakeMarkers();
  Send(LoopCommand(2, Milliseconds(20)));
  const v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_loop_done()) << event.failed().text();
  std::vector<Marker> before, looped;
  for (const Marker& m : engine_->TakeMarkers()) {
    if (m.op == kOpClock) continue;
    EXPECT_EQ(m.phase, v1::PHASE_LOOP);
    (m.op == 2 ? looped : before).push_back(m);
  }
  ASSERT_EQ(before.size(), 2u) << "so that its inputs are what an iteration gives it";
  EXPECT_EQ(before[0].op, 0u);
  EXPECT_EQ(before[1].op, 1u);
  ASSERT_GE(looped.size(), 2u);
  EXPECT_EQ(looped.front().iteration, 0u);
  EXPECT_GE(looped.back().end_ns - looped.front().begin_ns, Milliseconds(20).count);
  for (size_t i = 0; i < looped.size(); ++i) {
    const bool last = i + 1 == looped.size();
    const uint64_t end = last ? event.loop_done().executions() : looped[i + 1].iteration;
    EXPECT_GT(end, looped[i].iteration) << "a marker spans at least one execution";
    EXPECT_TRUE(end - looped[i].iteration == 1 ||
                looped[i].end_ns - looped[i].begin_ns >= Milliseconds(1).count)
        << "and as many as make up a millisecond";
    if (!last) {
      EXPECT_GE(looped[i + 1].begin_ns, looped[i].end_ns);
    }
  }
  std::vector<CurrentOperator> current;
  ASSERT_TRUE(engine_->ring().ReadCurrentUntrusted(&current).ok());
  for (const CurrentOperator& c : current) EXPECT_EQ(c.op, kOpNone);
  Send(RunCommand(v1::PHASE_MEASURE, 1, 1));
  EXPECT_TRUE(Next().has_block_done()) << "operators are marked again";
  EXPECT_GE(engine_->TakeMarkers().size(), kOperators + 1);
}

TEST_F(EngineConformance, RepeatsAnOperatorNoMoreThanItMay) {
  StartAndLoad();
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  Send(LoopCommand(0, Seconds(3600), 3));
  EXPECT_EQ(Next().loop_done().executions(), 3u);
}

TEST_F(EngineConformance, RefusesToRepeatWhatItCannot) {
  StartAndLoad();
  Send(LoopCommand(0, Milliseconds(1)));
  ExpectFailureAndEnd();
  for (const v1::WorkerCommand& loop :
       {LoopCommand(kOperators, Milliseconds(1)), LoopCommand(0, Milliseconds(1), 0)}) {
    StartAndLoad();
    Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
    ASSERT_TRUE(Next().has_operators());
    ASSERT_TRUE(Next().has_block_done());
    Send(loop);
    ExpectFailureAndEnd();
  }
}

TEST_F(EngineConformance, OutputsAreThoseOfAnIterationAlsoAfterALoop) {
  caffe2::NetDef net = SmallNet();
  net.set_external_output(0, "x");  // of the Relu, in place of the Conv's
  options_.predict = net.SerializeAsString();
  std::vector<std::vector<float>> outputs;
  for (const bool loops : {false, true}) {
    StartAndLoad();
    Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
    ASSERT_TRUE(Next().has_operators());
    ASSERT_TRUE(Next().has_block_done());
    if (loops) {
      Send(LoopCommand(0, Milliseconds(2)));
      ASSERT_TRUE(Next().has_loop_done());
    }
    ASSERT_TRUE(WriteOutputs().has_outputs_written());
    outputs.push_back(FloatsOf(engine_->TakeOutputs(), "x"));
  }
  EXPECT_THAT(outputs[0], Not(IsEmpty()));
  EXPECT_EQ(outputs[0], outputs[1]);
}

TEST_F(EngineConformance, SlotIsEmptyWhenNothingRuns) {
  StartAndLoad();
  Send(RunCommand(v1::PHASE_WARMUP, 0, 1));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  std::vector<CurrentOperator> current;
  ASSERT_TRUE(engine_->ring().ReadCurrentUntrusted(&current).ok());
  ASSERT_FALSE(current.empty());
  for (const CurrentOperator& c : current) EXPECT_EQ(c.op, kOpNone);
}

TEST_F(EngineConformance, FullRingDropsAndCounts) {
  options_.ring = {.lanes = 1, .capacity = 8};
  StartAndLoad();
  Send(RunCommand(v1::PHASE_MEASURE, 0, 10));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  EXPECT_EQ(engine_->TakeMarkers().size(), 8u);
  EXPECT_GE(*engine_->ring().Dropped(), 10u * kOperators - 8u);
}

TEST_F(EngineConformance, RunsOnTheWeightsAndInputValuesOfThePacksAndWritesOutputs) {
  const caffe2::NetDef net = ScaleNet();
  options_.predict = net.SerializeAsString();
  options_.init.clear();
  const std::vector<float> w = {1, 2, 3, 4, 5, 6}, b = {10, 20}, x = {1, 0, -1};
  options_.weights = Pack({Floats("w", {2, 3}, w), Floats("b", {2}, b)});
  options_.inputs = Pack({Floats("data", {1, 3}, x)});
  Start();
  ASSERT_TRUE(Next().has_hello());
  Send(LoadCommand({1, 3}));
  v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_loaded()) << event.failed().text();
  EXPECT_THAT(event.loaded().notes(), IsEmpty());
  Send(RunCommand(v1::PHASE_MEASURE, 0, 3));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  const size_t markers = engine_->TakeMarkers().size();
  EXPECT_GE(markers, 3u);
  event = WriteOutputs();
  ASSERT_TRUE(event.has_outputs_written()) << event.failed().text();
  EXPECT_THAT(engine_->TakeMarkers(), IsEmpty()) << "writing outputs is no execution";
  const std::string pack = engine_->TakeOutputs();
  EXPECT_EQ(pack.size(), event.outputs_written().bytes());
  // y = x w' + b
  EXPECT_THAT(FloatsOf(pack, "y"), ElementsAre(1 - 3 + 10, 4 - 6 + 20));
  EXPECT_THAT(event.outputs_written().notes(), IsEmpty());
}

TEST_F(EngineConformance, RefusesValuesThatDoNotFitTheInputs) {
  options_.predict = ScaleNet().SerializeAsString();
  options_.init.clear();
  const std::vector<float> six = {1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> three = {1, 2, 3};
  options_.weights = Pack({Floats("w", {2, 3}, six), Floats("b", {2}, {1, 2})});
  for (const TensorView& bad : {Floats("data", {3, 1}, {1, 2, 3}), Floats("data", {2, 3}, six),
                                Floats("other", {1, 3}, {1, 2, 3}),
                                TensorView{.name = "data",
                                .type = v1::DATA_TYPE_INT32,
                                .dims = {1, 3},
                                .bytes = {reinterpret_cast<const char*>(three.data()), 12}}}) {
    options_.inputs = Pack({bad});
    EXPECT_THAT(LoadFailure(LoadCommand({1, 3})), HasSubstr("'" + bad.name + "'"));
  }
}

TEST_F(EngineConformance, RefusesAWeightThatSomethingElseGivesToo) {
  options_.weights = Pack({Floats("fb", {5}, {1, 2, 3, 4, 5})});
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("'fb'")) << "the init net makes it";
  options_.weights = Pack({Floats("data", {1}, {1})});
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("'data'")) << "it is an input";
}

TEST_F(EngineConformance, SaysThatAPackIsDamaged) {
  const std::string pack = Pack({Floats("extra", {2}, {1, 2})});
  for (const std::string& bad : {std::string("no pack at all, but some text"), pack.substr(0, 40),
                                 pack.substr(0, pack.size() - 64)}) {
    options_.weights = bad;
    options_.inputs.clear();
    EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("weights"));
    options_.weights.clear();
    options_.inputs = bad;
    EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("inputs"));
  }
}

TEST_F(EngineConformance, ReportsNansInWeightsAndOutputsAndRuns) {
  options_.predict = ScaleNet().SerializeAsString();
  options_.init.clear();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  options_.weights = Pack({Floats("w", {2, 3}, {1, nan, 3, 4, 5, 6}), Floats("b", {2}, {1, 2})});
  Start();
  ASSERT_TRUE(Next().has_hello());
  Send(LoadCommand({1, 3}));
  v1::WorkerEvent event = Next();
  ASSERT_TRUE(event.has_loaded()) << event.failed().text();
  ASSERT_EQ(event.loaded().notes_size(), 1);
  EXPECT_EQ(event.loaded().notes(0).code(), "nan_weights");
  EXPECT_THAT(event.loaded().notes(0).text(), HasSubstr("1 of the 6 elements of 'w'"));
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  ASSERT_TRUE(Next().has_operators());
  ASSERT_TRUE(Next().has_block_done());
  event = WriteOutputs();
  ASSERT_EQ(event.outputs_written().notes_size(), 1);
  EXPECT_EQ(event.outputs_written().notes(0).code(), "nan_outputs");
}

TEST_F(EngineConformance, RefusesToWriteOutputsBeforeThereAreAny) {
  StartAndLoad();
  v1::WorkerCommand command;
  command.mutable_write_outputs();
  Send(command);
  ExpectFailureAndEnd();
}

TEST_F(EngineConformance, EndOfTheConnectionEndsIt) {
  StartAndLoad();
  engine_->CloseCommands();
  ExpectEnd();
  EXPECT_EQ(engine_->Wait(), 0);
}

TEST_F(EngineConformance, RunsANetWithoutAnInitNet) {
  caffe2::NetDef net;
  net.set_name("bare");
  AddOp(&net, "Relu", "relu", {"data"}, "y");
  net.add_external_output("y");
  options_.predict = net.SerializeAsString();
  options_.init.clear();
  StartAndLoad();
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  EXPECT_TRUE(Next().has_operators());
  EXPECT_TRUE(Next().has_block_done());
}

TEST_F(EngineConformance, RefusesAnotherProtocolVersion) {
  v1::WorkerCommand load = LoadCommand();
  load.mutable_load()->set_protocol_version(kWorkerProtocolVersion + 1);
  EXPECT_THAT(LoadFailure(load), HasSubstr(std::to_string(kWorkerProtocolVersion + 1)));
}

TEST_F(EngineConformance, RefusesZeroThreads) {
  v1::WorkerCommand load = LoadCommand();
  load.mutable_load()->set_threads(0);
  LoadFailure(load);
}

TEST_F(EngineConformance, GreetsBeforeItLooksAtTheNets) {
  options_.predict.clear();
  options_.init.clear();
  Start();
  EXPECT_TRUE(Next().has_hello());
}

TEST_F(EngineConformance, RefusesMoreThreadsThanItsGreetingSays) {
  Start();
  const v1::WorkerEvent hello = Next();
  ASSERT_TRUE(hello.has_hello());
  if (hello.hello().max_threads() == 0) GTEST_SKIP() << "it does not say how many it takes";
  v1::WorkerCommand load = LoadCommand();
  load.mutable_load()->set_threads(hello.hello().max_threads() + 1);
  Send(load);
  EXPECT_THAT(ExpectFailureAndEnd().text(), HasSubstr("thread"));
}

TEST_F(EngineConformance, RunsWithTheThreadsThatItSaysOrSaysWhyNot) {
  Start();
  const v1::WorkerEvent hello = Next();
  ASSERT_TRUE(hello.has_hello());
  v1::WorkerCommand load = LoadCommand();
  load.mutable_load()->set_threads(2);
  Send(load);
  const v1::WorkerEvent event = Next();
  if (event.has_failed()) {
    EXPECT_THAT(event.failed().text(), HasSubstr("thread"));
    EXPECT_LT(hello.hello().max_threads(), 2u) << "it said that it takes 2";
    return;
  }
  ASSERT_TRUE(event.has_loaded());
  Send(RunCommand(v1::PHASE_MEASURE, 0, 2));
  ASSERT_TRUE(Next().has_operators());
  EXPECT_TRUE(Next().has_block_done());
  int operators = 0;
  for (const Marker& m : engine_->TakeMarkers()) operators += m.op < kOpClock ? 1 : 0;
  EXPECT_EQ(operators, 2 * kOperators) << "threads within an operator have no markers of their own";
}

TEST_F(EngineConformance, RefusesCommandsOutOfOrder) {
  Start();
  ASSERT_TRUE(Next().has_hello());
  Send(RunCommand(v1::PHASE_MEASURE, 0, 1));
  ExpectFailureAndEnd();

  StartAndLoad();
  Send(LoadCommand());
  ExpectFailureAndEnd();

  Start();
  ASSERT_TRUE(Next().has_hello());
  Send(v1::WorkerCommand());
  ExpectFailureAndEnd();
}

TEST_F(EngineConformance, RefusesImpossibleBlocks) {
  for (const v1::WorkerCommand& run :
       {RunCommand(v1::PHASE_MEASURE, 0, 0), RunCommand(v1::PHASE_SETUP, 0, 1),
        RunCommand(v1::PHASE_UNSPECIFIED, 0, 1), RunCommand(v1::PHASE_MEASURE, 0xFFFFFFFF, 2)}) {
    StartAndLoad();
    Send(run);
    ExpectFailureAndEnd();
  }
}

TEST_F(EngineConformance, EndsOnBytesThatAreNoCommand) {
  for (const std::string& bytes :
       {std::string("\x03\x00\x00\x00\xFF\xFF\xFF", 7), std::string("\xFF\xFF\xFF\xFF", 4)}) {
    StartAndLoad();
    ASSERT_TRUE(engine_->SendBytes(bytes).ok());
    ExpectFailureAndEnd();
  }
}

TEST_F(EngineConformance, SaysThatANetIsCorrupt) {
  options_.predict = "these are not the bytes of a net";
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("predict net"));
  options_.predict = SmallNet().SerializeAsString();
  options_.init = "neither are these";
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("init net"));
}

// Wherever a net is cut, Load fails: in the middle of a field, and between two operators, where the
// bytes are a good NetDef of fewer operators.
TEST_F(EngineConformance, SaysThatANetIsTruncated) {
  const std::string whole = SmallNet().SerializeAsString();
  std::vector<size_t> cuts = {0, 1, whole.size() / 3, whole.size() / 2, whole.size() - 1};
  caffe2::NetDef shorter = SmallNet();
  shorter.clear_external_input();
  shorter.clear_external_output();
  const size_t whole_operators = shorter.ByteSizeLong();
  cuts.push_back(whole_operators);
  shorter.mutable_op()->RemoveLast();
  shorter.clear_type();  // is written after the operators
  cuts.push_back(shorter.ByteSizeLong());
  for (const size_t cut : cuts) {
    options_.predict = whole.substr(0, cut);
    EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("predict net")) << "cut at " << cut;
  }
  options_.predict = whole;
  const std::string init = SmallInit().SerializeAsString();
  for (const size_t cut : {init.size() / 2, init.size() - 1}) {
    options_.init = init.substr(0, cut);
    LoadFailure(LoadCommand());
  }
}

TEST_F(EngineConformance, SaysThatANetHasNoOperators) {
  caffe2::NetDef net;
  net.set_name("nothing");
  net.add_external_output("p");
  options_.predict = net.SerializeAsString();
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("no operators"));
}

TEST_F(EngineConformance, NamesAnOperatorTypeThatItDoesNotKnow) {
  caffe2::NetDef net = SmallNet();
  net.mutable_op(1)->set_type("Rellu");
  options_.predict = net.SerializeAsString();
  const std::string text = LoadFailure(LoadCommand());
  EXPECT_THAT(text, HasSubstr("Rellu"));
  EXPECT_THAT(text, HasSubstr("relu")) << "which operator of the net";
}

TEST_F(EngineConformance, NamesANetTypeThatItDoesNotKnow) {
  caffe2::NetDef net = SmallNet();
  net.set_type("fancy");
  options_.predict = net.SerializeAsString();
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("fancy"));
}

TEST_F(EngineConformance, NamesABlobThatNothingGives) {
  caffe2::NetDef init = SmallInit();
  init.mutable_op()->DeleteSubrange(2, 1);
  options_.init = init.SerializeAsString();
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("'fw'"));
}

TEST_F(EngineConformance, RefusesInputsThatCannotBe) {
  for (const int64_t dim : {int64_t{0}, int64_t{-1}, int64_t{1} << 40}) {
    v1::WorkerCommand load = LoadCommand();
    load.mutable_load()->mutable_inputs(0)->set_dims(0, dim);
    EXPECT_THAT(LoadFailure(load), HasSubstr("'data'")) << dim;
  }
  v1::WorkerCommand load = LoadCommand();
  load.mutable_load()->mutable_inputs(0)->set_blob("dta");
  EXPECT_THAT(LoadFailure(load), HasSubstr("'dta'"));
}

TEST_F(EngineConformance, FailsInTheOperatorThatFailed) {
  caffe2::NetDef init = SmallInit();
  init.mutable_op(2)->mutable_arg(0)->set_ints(1, 7);  // fw: 5 x 7 does not fit 5 x 144
  options_.init = init.SerializeAsString();
  StartAndLoad();
  Send(RunCommand(v1::PHASE_WARMUP, 0, 1));
  const v1::WorkerEvent::Failed failed = ExpectFailureAndEnd();
  EXPECT_TRUE(failed.in_operator());
  EXPECT_EQ(failed.op_index(), 2u);
  EXPECT_THAT(failed.text(), HasSubstr("fc"));
}

TEST_F(EngineConformance, SaysWhichFillerOfTheInitNetFailed) {
  caffe2::NetDef init = SmallInit();
  init.mutable_op(2)->set_name("the_filler");
  init.mutable_op(2)->mutable_arg(0)->set_ints(1, -7);
  options_.init = init.SerializeAsString();
  EXPECT_THAT(LoadFailure(LoadCommand()), HasSubstr("the_filler"));
}

}  // namespace
}  // namespace synergy
