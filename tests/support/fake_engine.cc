// synergy-worker-fake: an engine for tests. Speaks the worker protocol and marks operators that it
// does not have; its "predict net" is text that says how, a word and a number a line:
//
//   operators 3        of the net
//   op_us 100          microseconds that each takes
//   MODE 1             one of the modes below: what goes wrong in operator 1, iteration 2 of the
//   measured iteration 2        phase (op 1, iteration 2 by default), or at the place that its name
//   says op 1
//
// Under the name synergy-worker-fake-MODE it does so without being told by a net.
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/descriptors.h"
#include "common/iteration_pause.h"
#include "common/marker_ring.h"
#include "common/marker_ring_writer.h"
#include "common/tensor_pack.h"
#include "common/worker_protocol.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {
namespace {

constexpr std::string_view kExecutablePrefix = "synergy-worker-";
constexpr std::string_view kModePrefix = "fake-";
constexpr size_t kFirstLaneEnd = sizeof(RingHeader) + sizeof(Lane);

class FakeEngine {
 public:
  FakeEngine(std::string name, MarkerLane lane)
      : name_(std::move(name)), words_(ReadWords(name_)), lane_(lane) {}

  int Serve() {
    if (Mode("silent")) pause();
    if (Mode("exit_early")) return 3;
    if (Mode("crash_early")) std::raise(SIGABRT);
    if (Mode("close_early")) {
      close(kWorkerControlFd);
      pause();
    }
    if (Mode("stray_early")) LeaveStray();
    if (Mode("bad_frame")) return SendRaw(std::string("\x05\0\0\0\xff\xff\xff\xff\xff", 9));
    if (Mode("huge_frame")) return SendRaw("\xff\xff\xff\xff");
    if (Mode("half_frame")) return SendRaw(std::string("\x40\0\0\0half", 8));
    v1::WorkerEvent event;
    v1::WorkerEvent::Hello& hello = *event.mutable_hello();
    hello.set_protocol_version(
        Mode("wrong_version") ? 7u : Number("old_version", kWorkerProtocolVersion));
    hello_version_ = hello.protocol_version();
    hello.set_engine(Mode("wrong_name") ? "other" : name_);
    hello.set_engine_version("fake engine 1.0");
    hello.set_max_threads(Mode("one_thread") ? 1 : 0);
    Send(event);
    FrameReceiver receiver(kWorkerControlFd);
    for (v1::WorkerCommand command;;) {
      const absl::StatusOr<bool> received = receiver.ReceiveUntrusted(&command, std::nullopt);
      if (!received.ok() || !*received) return 0;
      if (command.has_exit()) return Mode("bad_exit") ? 9 : 0;
      if (command.has_load()) Load(command.load());
      if (command.has_run()) Run(command.run());
      if (command.has_write_outputs()) WriteOutputs();
      if (command.has_loop()) Loop(command.loop());
      if (command.has_count()) Count(command.count());
    }
  }

 private:
  bool Mode(const char* mode) const { return words_.contains(mode); }
  uint32_t Number(const char* word, uint32_t otherwise) const {
    const auto found = words_.find(word);
    return found == words_.end() ? otherwise : found->second;
  }

  static std::map<std::string, uint32_t> ReadWords(const std::string& name) {
    char buffer[4096] = {};
    if (pread(kWorkerPredictFd, buffer, sizeof(buffer) - 1, 0) < 0) std::abort();
    std::istringstream text(buffer);
    std::map<std::string, uint32_t> words;
    if (name.starts_with(kModePrefix)) words[name.substr(kModePrefix.size())] = 1;
    uint32_t number = 0;
    for (std::string word; text >> word >> number;) words[word] = number;
    return words;
  }

  static void Send(const v1::WorkerEvent& event) {
    if (!SendFrame(kWorkerControlFd, event, std::nullopt).ok()) std::exit(1);
  }
  static int SendRaw(const std::string& bytes) {
    if (send(kWorkerControlFd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return 1;
    pause();
    return 0;
  }
  static int64_t Now() { return RealClock().Now().ns; }

  void Load(const v1::WorkerCommand::Load& load) {
    if (load.protocol_version() != hello_version_) std::exit(4);
    seed_ = load.seed();
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0) std::abort();
    std::printf("CPUs:");
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &cpus)) std::printf(" %d", cpu);
    }
    std::printf("\n");
    std::fflush(stdout);
    if (Mode("truncate")) {
      const int result = ftruncate(kWorkerRingFd, 0);
      std::printf("truncating the ring: %s\n", result == 0 ? "done" : std::strerror(errno));
      std::fflush(stdout);
    }
    if (Mode("chatter")) {
      for (int i = 0; i < 100'000; ++i) std::printf("line %d of an engine that talks a lot\n", i);
      std::fflush(stdout);
    }
    lane_.Begin(kOpLoad, 0, v1::PHASE_SETUP, Now());
    if (Mode("crash_in_load")) std::raise(SIGABRT);
    if (Mode("hang_in_load")) pause();
    lane_.End(Now());
    lane_.Begin(kOpInit, 0, v1::PHASE_SETUP, Now());
    lane_.End(Now());
    v1::WorkerEvent event;
    if (Mode("fail_in_load")) {
      event.mutable_failed()->set_text("the net is no NetDef: \x1b[31mgarbage at byte 0");
    } else {
      event.mutable_loaded()->set_net_name("fake");
      event.mutable_loaded()->set_operators(operators_);
      for (const char* code : {"nan_weights", "simulated"}) {
        if (!Mode("notes")) break;
        v1::WorkerEvent::Note* note = event.mutable_loaded()->add_notes();
        note->set_code(code);
        note->set_text("said by the engine\x1b[31m");
      }
    }
    Send(event);
  }

  // One tensor of `output_bytes` bytes.
  void WriteOutputs() {
    const std::string bytes(Number("output_bytes", 4), 'o');
    const std::vector<TensorView> outputs = {{.name = "out",
                                              .type = v1::DATA_TYPE_UINT8,
                                              .dims = {static_cast<int64_t>(bytes.size())},
                                              .bytes = bytes}};
    const absl::StatusOr<TensorPackLayout> layout = LayOutTensorPack(outputs);
    if (!layout.ok() || !WriteTensorPack(outputs, kWorkerOutputsFd).ok()) std::exit(1);
    v1::WorkerEvent event;
    event.mutable_outputs_written()->set_bytes(layout->total_bytes +
                                               (Mode("lie_about_outputs") ? 1 : 0));
    if (Mode("fail_outputs")) event.mutable_failed()->set_text("an output is no tensor");
    Send(event);
  }

  void Run(const v1::WorkerCommand::Run& run) {
    const auto phase = static_cast<uint8_t>(run.phase());
    const Nanoseconds longest_pause{static_cast<int64_t>(run.longest_pause_ns())};
    if (longest_pause.count > 0 && hello_version_ < 3) std::exit(4);
    for (uint32_t i = run.first_iteration(); i < run.first_iteration() + run.count(); ++i) {
      const Nanoseconds pause = PauseBefore(seed_, i, longest_pause);
      if (pause.count > 0) RealClock().SleepUntil(RealClock().Now() + pause);
      const int64_t begin = Now();
      for (uint32_t op = 0; op < operators_; ++op) RunOperator(op, i, phase);
      lane_.Write({.begin_ns = begin,
                   .end_ns = Now(),
                   .op = kOpNet,
                   .iteration = i,
                   .thread = 0,
                   .device = 0,
                   .phase = phase,
                   .event = 0});
      if (phase == v1::PHASE_WARMUP && i == 0) SendOperators();
    }
    v1::WorkerEvent event;
    event.mutable_block_done()->set_first_iteration(run.first_iteration());
    event.mutable_block_done()->set_count(run.count());
    Send(event);
  }

  // An execution a marker: they take long.
  void Loop(const v1::WorkerCommand::Loop& loop) {
    if (hello_version_ < 4) std::exit(4);
    const int64_t end = Now() + static_cast<int64_t>(loop.least_ns());
    for (uint32_t op = 0; op < loop.op(); ++op) RunOperator(op, 0, v1::PHASE_LOOP);
    uint32_t executions = 0;
    do {
      RunOperator(loop.op(), executions++, v1::PHASE_LOOP);
    } while (Now() < end && executions < loop.most());
    v1::WorkerEvent event;
    event.mutable_loop_done()->set_executions(Mode("lie_about_loop") ? 0 : executions);
    Send(event);
  }

  void RunOperator(uint32_t op, uint32_t iteration, uint8_t phase) {
    const int64_t begin = Now();
    lane_.Begin(op, iteration, phase, begin);
    if (Mode("flood") && phase == v1::PHASE_MEASURE) {
      lane_.End(begin);
      return;
    }
    const bool here = op == Number("op", 1) && iteration == Number("iteration", 2);
    if (here && phase == v1::PHASE_MEASURE) Misbehave();
    RealClock().SleepUntil({begin + Number("op_us", 100) * int64_t{1000}});
    lane_.End(Now());
    if (phase == v1::PHASE_MEASURE && !group_events_.empty()) WriteCounts(iteration);
  }

  // Of event i 100 (i + 1).
  void WriteCounts(uint32_t iteration) {
    const size_t group = iteration % group_events_.size();
    uint32_t first = Mode("garbage_count") ? 7 : 0;
    for (size_t i = 0; i < group; ++i) first += group_events_[i];
    for (uint32_t event = first + 1; event <= first + group_events_[group]; ++event) {
      Marker count = lane_.current();
      count.begin_ns = 0;
      count.end_ns = 100 * event;
      count.event = event;
      lane_.Write(count);
    }
  }

  void Count(const v1::WorkerCommand::Count& command) {
    if (hello_version_ < 5) std::exit(4);
    group_events_.assign(command.group_events().begin(), command.group_events().end());
    v1::WorkerEvent event;
    for (const uint32_t of_group : group_events_) {
      for (uint32_t i = 0; i < of_group; ++i) event.mutable_counting()->add_empty_counts(2);
    }
    event.mutable_counting()->set_marker_s(1e-7);
    event.mutable_counting()->set_counted_marker_s(1e-6);
    const auto threads = static_cast<size_t>(command.threads_size());
    const auto events = static_cast<size_t>(event.counting().empty_counts_size());
    if (!ReceiveFds(kWorkerControlFd, threads * events).ok()) std::exit(5);
    Send(event);
  }

  static void Crash(int signal) {
    std::signal(signal, SIG_DFL);  // a sanitizer has handlers, which turn it into an exit
    std::raise(signal);
  }

  void Misbehave() {
    if (Mode("crash")) Crash(static_cast<int>(Number("crash", SIGSEGV)));
    if (Mode("hang")) pause();
    if (Mode("stray")) LeaveStray();
    Marker marker{.begin_ns = Now(),
                  .end_ns = Now(),
                  .op = 0,
                  .iteration = 0,
                  .thread = 0,
                  .device = 0,
                  .phase = v1::PHASE_MEASURE,
                  .event = 0};
    if (Mode("garbage_op")) marker.op = 4711;
    if (Mode("garbage_end")) marker.end_ns = 0;
    if (marker.op != 0 || marker.end_ns == 0) lane_.Write(marker);
    if (Mode("garbage_head")) {  // of lane 0
      void* ring = mmap(nullptr, kFirstLaneEnd, PROT_WRITE, MAP_SHARED, kWorkerRingFd, 0);
      if (ring == MAP_FAILED) std::abort();
      reinterpret_cast<Lane*>(static_cast<char*>(ring) + sizeof(RingHeader))->head = 1ull << 60;
      pause();  // so that the lane does not put it right
    }
    v1::WorkerEvent event;
    if (Mode("fail")) {
      event.mutable_failed()->set_text("out of memory");
      event.mutable_failed()->set_in_operator(true);
      event.mutable_failed()->set_op_index(Number("op", 1));
      Send(event);
    }
    if (Mode("second_table")) SendOperators();
    if (Mode("close")) {
      close(kWorkerControlFd);
      pause();
    }
  }

  // A grandchild in a session of its own, which no kill of the group finds.
  static void LeaveStray() {
    if (fork() != 0) return;
    setsid();
    for (;;) pause();
  }

  void SendOperators() const {
    v1::WorkerEvent event;
    for (uint32_t i = 0; i < operators_; ++i) {
      v1::OperatorInfo& info = *event.mutable_operators()->add_operators();
      info.set_index(Mode("wrong_table") ? i + 1 : i);
      info.set_name("op" + std::to_string(i));
      info.set_type("Conv");
      info.set_has_cost(true);
      info.set_macs(1'000'000);
    }
    Send(event);
  }

  uint32_t hello_version_ = 0;
  uint64_t seed_ = 0;
  std::vector<uint32_t> group_events_;  // that are counted
  const std::string name_;
  const std::map<std::string, uint32_t> words_;
  MarkerLane lane_;
  const uint32_t operators_ = Number("operators", 3);
};

}  // namespace
}  // namespace synergy

int main(int /*argc*/, char** argv) {
  absl::StatusOr<synergy::MarkerRingWriter> ring =
      synergy::MarkerRingWriter::Map(synergy::kWorkerRingFd);
  if (!ring.ok()) return 2;
  const std::string executable(std::filesystem::path(argv[0]).filename());
  return synergy::FakeEngine(executable.substr(synergy::kExecutablePrefix.size()), ring->Claim())
      .Serve();
}
