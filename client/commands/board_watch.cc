#include "client/commands/board_watch.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "client/commands/exit_code.h"
#include "client/watch/solve_budget.h"
#include "common/attribution/energy_estimator.h"
#include "common/cpu_time.h"

namespace synergy {
namespace {

constexpr Nanoseconds kShortestBackoff = Milliseconds(250), kLongestBackoff = Seconds(5);
constexpr Nanoseconds kAskEvery = Seconds(1);
// Energies are solved less often still.
constexpr Nanoseconds kRecordsEvery = Seconds(1);
constexpr int kClocksEvery = 2;  // of the questions

}  // namespace

BoardWatch::BoardWatch(Options options) : options_(std::move(options)) {
  state_.host = options_.host.empty() ? DefaultHost() : options_.host;
  state_.lost = "connecting";
  threads_.emplace_back([this](std::stop_token stop) { KeepConnected(std::move(stop)); });
  threads_.emplace_back([this](std::stop_token stop) { Poll(std::move(stop)); });
  if (options_.records == Options::Records::kNone) return;
  if (options_.records == Options::Records::kFollowed) {
    threads_.emplace_back([this](std::stop_token stop) { Follow(std::move(stop)); });
  }
  threads_.emplace_back([this](std::stop_token stop) { Solve(std::move(stop)); });
}

BoardWatch::~BoardWatch() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void BoardWatch::Read(const std::function<void(const BoardState&)>& read) const {
  const absl::MutexLock lock(&mutex_);
  read(state_);
}

bool BoardWatch::Rest(std::stop_token stop, Nanoseconds span) {
  std::unique_lock lock(rest_mutex_);
  rest_.wait_for(lock, stop, std::chrono::nanoseconds(span.count), [] { return false; });
  return !stop.stop_requested();
}

std::shared_ptr<DeviceClient> BoardWatch::client() const {
  const absl::MutexLock lock(&mutex_);
  return client_;
}

void BoardWatch::KeepConnected(std::stop_token stop) {
  Nanoseconds backoff = kShortestBackoff;
  do {
    const absl::Status lost = WatchOnce(stop);
    if (stop.stop_requested()) return;
    const bool refused = absl::IsUnauthenticated(lost);
    bool was_there = false;
    {
      const absl::MutexLock lock(&mutex_);
      was_there = client_ != nullptr && state_.lost.empty();
      client_ = nullptr;
      state_.lost = std::string(lost.message());
      if (was_there) ++state_.losses;
      if (refused) state_.refused = lost;
    }
    if (options_.on_lost) options_.on_lost(lost);
    if (options_.once || refused) return;
    backoff = was_there ? kShortestBackoff : std::min(backoff * 2, kLongestBackoff);
  } while (Rest(stop, backoff));
}

absl::Status BoardWatch::WatchOnce(std::stop_token stop) {
  const std::string host = options_.host.empty() ? DefaultHost() : options_.host;
  absl::StatusOr<std::unique_ptr<DeviceClient>> connected = DeviceClient::Connect(host, Seconds(2));
  if (absl::IsInvalidArgument(connected.status())) {
    return Ending(ExitCode::kUsage, connected.status());
  }
  if (absl::IsPermissionDenied(connected.status())) {  // of the socket's file
    return Ending(ExitCode::kNotReached, connected.status());
  }
  if (!connected.ok()) return FromDevice(connected.status());
  const std::shared_ptr<DeviceClient> client = *std::move(connected);
  absl::StatusOr<v1::BoardInfo> board = client->DescribeBoard();
  if (!board.ok()) return FromDevice(board.status());
  {
    const absl::MutexLock lock(&mutex_);
    if (state_.board.board_id() != board->board_id()) state_.history = PowerHistory();
    state_.board = *std::move(board);
    client_ = client;
  }
  Ask(*client, /*clocks=*/true);
  return FromDevice(WatchPower(*client, stop));
}

absl::Status BoardWatch::WatchPower(DeviceClient& client, std::stop_token stop) {
  double rate_hz = options_.rate_hz, capped_hz = 0;
  while (true) {
    {
      const absl::MutexLock lock(&mutex_);
      state_.capped_hz = capped_hz;
    }
    const absl::Status ended = client.Watch(
        rate_hz, [this](const v1::TelemetryPoint& point) { return OnPoint(point); }, stop);
    if (!absl::IsPermissionDenied(ended)) return ended;
    const absl::StatusOr<v1::QuotaState> quotas = client.Quotas();
    if (!quotas.ok()) return ended;
    capped_hz = quotas->limits().watch_rate_hz();
    if (capped_hz <= 0 || capped_hz >= rate_hz) return ended;
    rate_hz = capped_hz;
  }
}

absl::Status BoardWatch::OnPoint(const v1::TelemetryPoint& point) {
  const absl::MutexLock lock(&mutex_);
  TakePoint(point, &state_);
  if (options_.on_point) options_.on_point(state_);
  return absl::OkStatus();
}

void BoardWatch::Ask(DeviceClient& client, bool clocks) {
  absl::StatusOr<std::vector<v1::JobStatus>> jobs = client.List();
  absl::StatusOr<v1::QueueState> queue = client.DescribeQueue();
  std::optional<absl::StatusOr<v1::ClockState>> state;
  if (clocks) state = client.Clocks();
  const absl::MutexLock lock(&mutex_);
  if (jobs.ok()) state_.jobs = *std::move(jobs);
  if (queue.ok()) state_.queue = *std::move(queue);
  if (state && state->ok()) TakeClocks(**state, &state_);
}

void BoardWatch::Poll(std::stop_token stop) {
  for (int n = 0; Rest(stop, kAskEvery); ++n) {
    const std::shared_ptr<DeviceClient> board = client();
    if (board != nullptr) Ask(*board, n % kClocksEvery == 0);
  }
}

void BoardWatch::Follow(std::stop_token stop) {
  while (Rest(stop, Milliseconds(200))) {
    const std::shared_ptr<DeviceClient> board = client();
    if (board == nullptr) continue;
    std::string run_id;
    {
      const absl::MutexLock lock(&mutex_);
      const v1::JobStatus* job = RunningJob(state_);
      if (job != nullptr) run_id = job->run_id();
      if (run_id.empty() || run_id == state_.run.run_id) continue;
    }
    FollowRun(*board, run_id, stop);
  }
}

void BoardWatch::BeginRun(const std::string& run_id) {
  state_.run = WatchedRun();
  state_.run.run_id = run_id;
  unsolved_.clear();
  data_ = RunData();
  taken_ = TakenRecords();
}

absl::Status BoardWatch::Take(v1::Chunk chunk) {
  if (absl::Status added = data_.Add(chunk); !added.ok()) return added;
  TakeRecords(&data_, &taken_, &state_);
  state_.bytes += chunk.ByteSizeLong();
  unsolved_.push_back(std::move(chunk));
  return absl::OkStatus();
}

void BoardWatch::Give(const std::string& run_id, v1::Chunk chunk) {
  const absl::MutexLock lock(&mutex_);
  if (state_.run.run_id != run_id) BeginRun(run_id);
  if (!state_.run.why_not.empty()) return;
  const absl::Status taken = Take(std::move(chunk));
  if (!taken.ok()) state_.run.why_not = std::string(taken.message());
}

void BoardWatch::FollowRun(DeviceClient& client, const std::string& run_id, std::stop_token stop) {
  {
    const absl::MutexLock lock(&mutex_);
    BeginRun(run_id);
  }
  DeviceClient::Follower follower;
  follower.pause = kRecordsEvery;
  follower.on_status = [](const v1::JobStatus&) { return absl::OkStatus(); };
  follower.on_chunk = [this](v1::Chunk chunk) {
    const absl::MutexLock lock(&mutex_);
    return Take(std::move(chunk));
  };
  const absl::StatusOr<v1::JobStatus> ended = client.Follow(run_id, 0, follower, stop);
  const absl::MutexLock lock(&mutex_);
  // After a lost connection the run is followed again from its begin.
  if (absl::IsUnavailable(ended.status())) state_.run = WatchedRun();
  if (!ended.ok()) state_.run.why_not = std::string(ended.status().message());
}

void BoardWatch::Solve(std::stop_token stop) {
  setpriority(PRIO_PROCESS, 0, 10);  // of this thread alone, on Linux
  std::string run_id;
  EnergyEstimator estimator;
  SolveBudget budget(RealClock().Now());
  while (Rest(stop, std::max(budget.next() - RealClock().Now(), Seconds(1)))) {
    bool catches_up = false;  // on what was there before it was watched, which costs once
    std::vector<v1::Chunk> chunks;
    {
      const absl::MutexLock lock(&mutex_);
      if (std::exchange(run_id, state_.run.run_id) != state_.run.run_id) {
        estimator = EnergyEstimator();
        budget = SolveBudget(RealClock().Now());
        catches_up = true;
      }
      chunks.swap(unsolved_);
    }
    if (chunks.empty()) continue;
    const Nanoseconds begin = ThreadCpuTime();
    absl::Status added;
    for (size_t i = 0; i < chunks.size() && added.ok() && !stop.stop_requested(); ++i) {
      added = estimator.Add(chunks[i]);
    }
    if (stop.stop_requested()) return;
    if (!added.ok()) continue;
    const Nanoseconds adding = catches_up ? Nanoseconds() : ThreadCpuTime() - begin;
    const Nanoseconds solving_from = ThreadCpuTime();
    LeastSquares energies = estimator.Solve();
    budget.Spend(RealClock().Now(), adding, ThreadCpuTime() - solving_from);
    const absl::MutexLock lock(&mutex_);
    if (state_.run.run_id != run_id) continue;
    state_.run.energies = std::move(energies);
    state_.run.iterations = estimator.iterations();
    ++state_.run.solutions;
  }
}

}  // namespace synergy
