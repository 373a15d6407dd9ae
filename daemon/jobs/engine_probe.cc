#include "daemon/jobs/engine_probe.h"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "common/files.h"
#include "common/marker_ring.h"
#include "common/printable.h"
#include "daemon/jobs/worker_process.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// As long as one engine is waited for before the others are looked at.
constexpr Nanoseconds kTurn = Milliseconds(10);
constexpr RingGeometry kRing = {.lanes = 1, .capacity = 64};  // nothing runs
// A process that says nothing and computes for ever ends by this also where the daemon is gone.
constexpr uint64_t kCpuLimitS = 60;
// All engines together must fit into what describes the board.
constexpr size_t kMaxReasonBytes = 400;

bool Readable(int fd) {
  pollfd poller = {.fd = fd, .events = POLLIN, .revents = 0};
  return fd >= 0 && poll(&poller, 1, 0) > 0;
}

// One engine between its start and its greeting.
class Probe {
 public:
  Probe(std::string name, const ProbeOptions& options) : engine_{.name = std::move(name)} {
    if (absl::Status status = Start(options); !status.ok()) Settle(status.message());
  }

  bool settled() const { return settled_; }
  InstalledEngine Take() { return std::move(engine_); }

  // Waits a turn at most, for a greeting or for an end.
  void Look(int stop_fd, Clock& clock) {
    if (gone_) {
      worker_->child().WaitUntil(clock.Now() + kTurn, clock);
    } else {
      worker_->Wait(clock.Now() + kTurn, stop_fd, clock);
      const auto event = worker_->NextEvent();
      if (event.ok() && !event->has_value()) return;
      if (event.ok()) return Greet(**event);
      if (!absl::IsUnavailable(event.status())) return Settle(event.status().message());
      gone_ = true;
    }
    const std::optional<int> status = worker_->child().TryWait();
    if (status.has_value())
      Settle(fmt::format("it {} when it was started", DescribeWaitStatus(*status)));
  }

  void GiveUp(Nanoseconds patience) {
    Settle(fmt::format("it {} within {:g} s of its start",
                       gone_ ? "closed its connection" : "did not greet", patience.seconds()));
  }

 private:
  absl::Status Start(const ProbeOptions& options) {
    const absl::StatusOr<UniqueFd> no_net = OpenForReading("/dev/null");
    if (!no_net.ok()) return no_net.status();
    const absl::StatusOr<int> ring = CreateMarkerRing(kRing);
    if (!ring.ok()) return ring.status();
    const UniqueFd ring_fd(*ring);
    WorkerSpec spec;
    spec.launcher = options.launcher;
    spec.executable = EnginePath(options.libexec_dir, engine_.name);
    spec.user = options.user;
    spec.memory_limit = EngineMemoryLimit();
    spec.cgroup = options.cgroup;
    spec.cpu_limit_s = kCpuLimitS;
    auto worker = WorkerProcess::Spawn(spec, ring_fd.get(), no_net->get(), no_net->get());
    if (!worker.ok()) return worker.status();
    worker_ = *std::move(worker);
    return absl::OkStatus();
  }

  void Greet(const v1::WorkerEvent& event) {
    if (!event.has_hello()) return Settle("what it sent first is no greeting");
    const v1::WorkerEvent::Hello& hello = event.hello();
    const absl::Status greeting = CheckGreetingUntrusted(engine_.name, hello);
    if (!greeting.ok()) return Settle(greeting.message());
    engine_.version = Printable(hello.engine_version(), kMaxEngineVersionBytes);
    engine_.max_threads = hello.max_threads();
    settled_ = true;
  }

  void Settle(absl::string_view why) {
    engine_.unusable = std::string(why);
    const std::string line = worker_ ? worker_->last_log_line() : "";
    if (!line.empty()) engine_.unusable += fmt::format("; its last words: {}", line);
    engine_.unusable = Printable(engine_.unusable, kMaxReasonBytes);
    settled_ = true;
  }

  InstalledEngine engine_;
  bool settled_ = false;
  bool gone_ = false;                      // it closed its connection
  std::unique_ptr<WorkerProcess> worker_;  // null: it could not be started
};

absl::StatusOr<std::vector<InstalledEngine>> Ask(std::vector<std::string> names,
                                                 const ProbeOptions& options, Clock& clock) {
  const MonotonicTime deadline = clock.Now() + options.patience;
  std::vector<Probe> probes;
  for (std::string& name : names) probes.emplace_back(std::move(name), options);
  const auto settled = [](const Probe& probe) { return probe.settled(); };
  while (!std::all_of(probes.begin(), probes.end(), settled)) {
    for (Probe& probe : probes) {
      if (probe.settled()) continue;
      probe.Look(options.stop_fd, clock);
      if (Readable(options.stop_fd)) {
        return absl::CancelledError("asked to stop before all engines had greeted");
      }
      if (!probe.settled() && clock.Now() >= deadline) probe.GiveUp(options.patience);
    }
  }
  std::vector<InstalledEngine> engines;
  for (Probe& probe : probes) engines.push_back(probe.Take());
  return engines;
}

}  // namespace

absl::StatusOr<std::vector<InstalledEngine>> ProbeEngines(const ProbeOptions& options,
                                                          Clock& clock) {
  return Ask(FindEngines(options.libexec_dir), options, clock);
}

absl::StatusOr<InstalledEngine> ProbeEngine(const std::string& name, const ProbeOptions& options,
                                            Clock& clock) {
  const std::vector<std::string> installed = FindEngines(options.libexec_dir);
  if (std::find(installed.begin(), installed.end(), name) == installed.end()) {
    return absl::NotFoundError(fmt::format("no engine {} is installed", Printable(name, 64)));
  }
  absl::StatusOr<std::vector<InstalledEngine>> engines = Ask({name}, options, clock);
  if (!engines.ok()) return engines.status();
  return std::move(engines->front());
}

}  // namespace synergy
