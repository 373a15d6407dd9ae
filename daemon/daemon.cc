#include "daemon/daemon.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/child_process.h"
#include "common/files.h"
#include "daemon/jobs/core_plan.h"
#include "daemon/lease_restorer.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

constexpr char kLauncher[] = "synergy-launcher";
constexpr char kEstimator[] = "synergy-estimate";
constexpr char kFront[] = "synergyd-front";

// FNV-1a: one installation's simulated chips differ from another's and stay what they are.
uint64_t SeedOf(const std::string& board_id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : board_id) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

std::string KernelName() {
  utsname name = {};
  uname(&name);
  return fmt::format("{} {}", name.sysname, name.release);
}

}  // namespace

Daemon::Daemon(const DaemonOptions& options, StateFolder state)
    : options_(options), state_(std::move(state)), cpus_(AvailableCpus()) {}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const DaemonOptions& options) {
  AdoptOrphans();
  absl::StatusOr<StateFolder> state = StateFolder::Open(options.state_dir);
  if (!state.ok()) return state.status();
  std::unique_ptr<Daemon> daemon(new Daemon(options, *std::move(state)));
  daemon->RestoreLeftLeases();
  for (const ListenAddress& address : options.listen) {
    auto listener = ListeningSocket::Open(address);
    if (!listener.ok()) return listener.status();
    daemon->listeners_.push_back(*std::move(listener));
  }
  absl::Status status = daemon->OpenAccess();
  if (status.ok()) status = daemon->CheckExecutables();
  if (status.ok()) status = daemon->FindUsers();
  if (status.ok()) daemon->MakeCgroup();
  if (status.ok()) status = daemon->AskEngines();
  if (status.ok()) status = daemon->OpenBoardAndSensors();
  if (status.ok()) status = daemon->OpenClocks();
  if (status.ok()) status = daemon->OpenQueue();
  if (status.ok()) status = daemon->Serve();
  if (!status.ok()) return status;
  return daemon;
}

Daemon::~Daemon() {
  if (queue_) queue_->Stop();  // the front, still there, tells its clients how the job ended
  if (front_) front_->Stop();
  front_.reset();
  access_watch_.reset();
  server_.reset();
  queue_.reset();
  if (sampler_) sampler_->Stop();
  telemetry_.reset();
  sampler_.reset();  // and the sensors, before their settings are put back
  ReleaseSensorSettings();
  KillStrays();
}

absl::Status Daemon::CheckExecutables() const {
  for (const char* name : {kLauncher, kFront}) {
    if (access(Executable(name).c_str(), X_OK) == 0) continue;
    return absl::FailedPreconditionError(
        fmt::format("{}; start synergyd with --libexec DIR, the folder of {}, {} and the engines",
                    std::string(FileError("Looking for", Executable(name), errno).message()),
                    kLauncher, kFront));
  }
  return absl::OkStatus();
}

absl::Status Daemon::FindUsers() {
  if (geteuid() != 0) return absl::OkStatus();
  const absl::StatusOr<ServiceUsers> users = FindServiceUsers();
  if (!users.ok()) return users.status();
  engine_user_ = users->engine;
  front_user_ = users->front;
  return absl::OkStatus();
}

void Daemon::EndRevoked() {
  const v1::ClientBook book = access_->clients();
  for (const v1::ClientRecord& client : book.clients()) {
    if (!IsOwned(book, OwnerIdOf(client))) queue_->EndAllOf(OwnerIdOf(client));
  }
}

// Named after the state folder, which one daemon holds at a time: a cgroup of that name is a dead
// daemon's.
void Daemon::MakeCgroup() {
  struct stat info = {};
  if (geteuid() != 0 || stat(state_.path().c_str(), &info) != 0) return;
  auto cgroup = WorkerCgroup::Create(fmt::format("synergy-{:x}-{}", info.st_dev, info.st_ino));
  if (cgroup.ok()) {
    cgroup_ = *std::move(cgroup);
  } else {
    spdlog::info("engines are killed by process group, not by cgroup: {}",
                 cgroup.status().ToString());
  }
}

ProbeOptions Daemon::EngineProbe() const {
  ProbeOptions options;
  options.launcher = Executable(kLauncher);
  options.libexec_dir = options_.libexec_dir;
  options.user = engine_user_;
  if (cgroup_) options.cgroup = cgroup_->path();
  options.stop_fd = options_.stop_fd;
  return options;
}

absl::Status Daemon::AskEngines() {
  absl::StatusOr<std::vector<InstalledEngine>> engines = ProbeEngines(EngineProbe(), RealClock());
  if (cgroup_) cgroup_->KillAll();
  KillStrays();
  if (!engines.ok()) return engines.status();
  engines_ = *std::move(engines);
  for (const InstalledEngine& engine : engines_) {
    if (engine.unusable.empty()) continue;
    spdlog::warn("the engine {} cannot be used: {}", engine.name, engine.unusable);
  }
  return absl::OkStatus();
}

absl::Status Daemon::OpenBoardAndSensors() {
  const absl::StatusOr<std::string> board_id = state_.BoardId();
  if (!board_id.ok()) return board_id.status();
  if (absl::Status status = TakeSensorSettings(); !status.ok()) return status;
  const SensorAccess access = {.sysfs_root = options_.sysfs_root,
                               .settings = sensor_settings_.get(),
                               .direct_i2c = options_.direct_i2c,
                               .programs = options_.source_programs,
                               .faults = options_.faults};
  absl::StatusOr<Board> board = OpenBoard(options_.board, SeedOf(*board_id), RealClock(), access);
  if (absl::IsNotFound(board.status())) {
    return absl::InvalidArgumentError(std::string(board.status().message()));
  }
  if (!board.ok()) return board.status();
  board_ = *std::move(board);
  DescribeBoard(*board_id);
  sampler_ = std::make_unique<Sampler>(std::move(board_.sources), RealClock());
  auto telemetry = Telemetry::Create(board_.info, *sampler_);
  if (!telemetry.ok()) return telemetry.status();
  telemetry_ = *std::move(telemetry);
  absl::Status rate = sampler_->SetRate(RunnerOptions{}.idle_rate_hz);
  if (!rate.ok()) return rate;
  sampler_->AddSink(telemetry_.get());
  sampler_->Start();
  for (const std::string& note : sampler_->notes()) {
    board_.info.add_cannot(fmt::format("keep its sampling undisturbed: {}", note));
  }
  for (const std::string& cannot : board_.info.cannot()) spdlog::warn("cannot {}", cannot);
  return absl::OkStatus();
}

void Daemon::DescribeBoard(const std::string& board_id) {
  v1::BoardInfo& info = board_.info;
  info.set_board_id(board_id);
  for (const InstalledEngine& engine : engines_) {
    if (engine.unusable.empty()) info.add_engines(engine.name);
    *info.add_engine_details() = DescribeEngine(engine, static_cast<uint32_t>(cpus_.size()));
  }
  info.set_cpus(static_cast<uint32_t>(cpus_.size()));
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    info.set_memory_bytes(static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes));
  }
  info.set_daemon_version(SYNERGY_VERSION);
  info.set_submits_once(true);
  info.set_knows_events(true);
  info.set_kernel(KernelName());
  if (geteuid() != 0) {
    info.add_cannot(
        "separate engines and the front by users of their own, or use sensors and clocks that need "
        "root: "
        "synergyd does not run as root; start it as root for that");
  }
  if (engines_.empty()) {
    info.add_cannot(
        fmt::format("run jobs: {} holds no executable {}<engine>; start synergyd with "
                    "--libexec DIR",
                    options_.libexec_dir, kWorkerPrefix));
  }
}

absl::Status Daemon::OpenQueue() {
  RunnerOptions runner;
  runner.launcher = Executable(kLauncher);
  runner.estimator = Executable(kEstimator);
  runner.libexec_dir = options_.libexec_dir;
  runner.engine_user = engine_user_;
  runner.limits = options_.limits;
  RunnerParts parts;
  parts.board = board_.info;
  parts.simulation = board_.simulation.get();
  parts.clocks = clocks_.get();
  parts.cgroup = cgroup_.get();
  parts.sampler = sampler_.get();
  parts.telemetry = telemetry_.get();
  parts.clock = &RealClock();
  parts.received_bytes = &received_bytes_;
  parts.front_pid = [this] { return front_->pid(); };  // jobs run from Serve() on
  parts.cpus = cpus_;
  parts.pin = [this](const std::vector<int>& cpus) { Pin(cpus); };
  parts.on_chunk = [this] { server_->SpoolGrew(); };
  runner_ = std::make_unique<JobRunner>(std::move(runner), std::move(parts));

  JobQueueOptions options;
  options.state_dir = state_.path();
  options.board = board_.info;
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return boot_id.status();
  options.boot_id = *boot_id;
  options.records_quota_bytes = options_.records_quota_bytes;
  options.objects.quota_bytes = options_.object_quota_bytes;
  options.watch_rate_hz = options_.watch_rate_hz;
  options.may_own = [this](const std::string& owner_id) {
    return owner_id.empty() || owner_id.starts_with("uid:") ||
           IsOwned(access_->clients(), owner_id);
  };
  options.on_evicted = [this](const v1::JobStatus& job) {
    access_->Audit(
        {.who = "synergyd",
         .what = "evicting the run",
         .subject = fmt::format("{} of {}, {} of {} chunks were acknowledged", job.run_id(),
                                job.owner(), job.acknowledged(), job.chunks())});
  };
  options.objects.received_bytes = &received_bytes_;
  options.limits.engines = engines_;
  options.limits.libexec_dir = options_.libexec_dir;
  options.ask_engine = [this](const std::string& name) {
    ProbeOptions probe = EngineProbe();
    probe.patience = Seconds(3);  // a submission waits for it, and those behind that one
    return ProbeEngine(name, probe, RealClock());
  };
  options.limits.cpus = static_cast<uint32_t>(cpus_.size());
  options.limits.can_set_clocks = board_.info.can_set_clocks();
  options.limits.knows_events = board_.info.knows_events();
  options.limits.has_thermal_zones = !board_.info.thermal_zones().empty();
  options.check_clocks = [this](const v1::ClockRequest& request) {
    return clocks_->Check(request);
  };
  options.check_events = [this](const v1::JobSpec& spec) { return runner_->CheckEvents(spec); };
  options.limits.can_measure = sampler_->source_count() > 0;
  if (!options.limits.can_measure) {
    options.limits.cannot_measure = fmt::format("This board ({}) cannot {}", board_.info.name(),
                                                fmt::join(board_.info.cannot(), "; "));
  }
  absl::StatusOr<std::unique_ptr<JobQueue>> queue =
      JobQueue::Open(std::move(options), *runner_, RealClock());
  if (!queue.ok()) return queue.status();
  queue_ = *std::move(queue);
  return absl::OkStatus();
}

absl::Status Daemon::OpenAccess() {
  absl::StatusOr<std::unique_ptr<AccessFolder>> access = AccessFolder::Open(state_.path());
  if (!access.ok()) return access.status();
  access_ = *std::move(access);
  std::vector<std::string> tcp;
  for (const auto& listener : listeners_) {
    if (!listener->address().starts_with("unix:")) tcp.push_back(listener->address());
  }
  if (!tcp.empty()) {
    const absl::StatusOr<std::string> board_id = state_.BoardId();
    if (!board_id.ok()) return board_id.status();
    const auto credentials = OpenBoardCredentials(access_->path(), *board_id);
    if (absl::IsNotFound(credentials.status())) {
      return absl::InvalidArgumentError(fmt::format(
          "--listen {}: this board has no certificates, without which nobody may come over the "
          "network (in {}): make them, once, with `synergyd credentials --state {}`",
          tcp.front(), access_->path(), state_.path()));
    }
    if (!credentials.ok()) return credentials.status();
    tls_.set_key_pem(credentials->board.key);
    tls_.set_certificate_pem(credentials->board.certificate);
    tls_.set_authority_pem(credentials->authority.certificate);
  }
  std::string lines;
  for (const std::string& address : tcp) lines += address + "\n";
  return ReplaceFile(access_->path() + "/listening", lines, Sync::kNo);
}

absl::Status Daemon::Serve() {
  ControlStart start;
  start.tls = tls_;
  start.access = access_.get();
  start.board = board_.info;
  start.sources = [this] { return sampler_->DescribeSources(); };
  start.telemetry_ring = telemetry_->ring_fd();
  for (const auto& listener : listeners_) {
    start.listeners.push_back({.address = listener->address(), .fd = listener->fd()});
  }
  absl::StatusOr<std::unique_ptr<ControlServer>> server =
      ControlServer::Create(std::move(start), *queue_, clocks_.get(),
                            [subject = WhatToDiagnose()](const v1::DiagnoseRequest& request) {
                              return DiagnoseBoard(subject, request);
                            });
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  EndRevoked();
  absl::StatusOr<std::unique_ptr<AccessWatch>> watch = AccessWatch::Start(*access_, [this] {
    server_->TellClients();
    EndRevoked();
  });
  if (!watch.ok()) return watch.status();
  access_watch_ = *std::move(watch);
  FrontOptions front;
  front.launcher = Executable(kLauncher);
  front.executable = Executable(kFront);
  front.user = front_user_;
  front_ = std::make_unique<FrontProcess>(std::move(front), *server_);
  front_->Start();
  queue_->Start();
  return absl::OkStatus();
}

void Daemon::Pin(const std::vector<int>& cpus) const {
  if (absl::Status status = PinProcess(getpid(), cpus); !status.ok()) {
    spdlog::warn("{}", status.ToString());
  }
  const std::optional<pid_t> front = front_->pid();
  if (!front.has_value()) return;  // the next one inherits our CPUs
  if (absl::Status status = PinProcess(*front, cpus); !status.ok()) {
    spdlog::warn("{}", status.ToString());
  }
}

}  // namespace synergy
