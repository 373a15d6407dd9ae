// Clients that watch a board at the same time, each over a connection of its own, as `synergyctl
// watch` does: live power, the queue each second and, with --follow, the records of each job that
// runs.
//
//   watchers HOST COUNT RATE_HZ [--follow]
//
// RATE_HZ 0: no live power. Watches until its standard input ends; then prints, in JSON, the points
// that the slowest client got, the points of all, how many base points were dropped for them, the
// jobs that were followed to their end (of all clients together) and their records' bytes. Where
// the board ends a stream before, that is said on standard error at once.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/net/device_client.h"
#include "common/clock.h"

namespace synergy {
namespace {

struct Watcher {
  std::unique_ptr<DeviceClient> client;
  std::atomic<uint64_t> points = 0, lost = 0, followed = 0, bytes = 0;
  std::atomic<bool> refused = false;

  // A stream that ended, or a call that was not answered.
  void Ended(const absl::Status& status) {
    if (absl::IsCancelled(status)) return;
    refused = true;
    fmt::print(stderr, "{}\n", status.ToString());
  }
};

void Watch(Watcher& watcher, double rate_hz, std::stop_token stop) {
  const auto on_point = [&watcher](const v1::TelemetryPoint& point) {
    ++watcher.points;
    watcher.lost = point.lost();
    return absl::OkStatus();
  };
  watcher.Ended(watcher.client->Watch(rate_hz, on_point, std::move(stop)));
}

void FollowRun(Watcher& watcher, const std::string& run_id, std::stop_token stop) {
  const DeviceClient::Follower follower{
      .on_chunk =
          [&](const v1::Chunk& chunk) {
            watcher.bytes += chunk.data().size();
            return absl::OkStatus();
          },
      .on_status = [](const v1::JobStatus&) { return absl::OkStatus(); }};
  const absl::Status ended = watcher.client->Follow(run_id, 0, follower, std::move(stop)).status();
  if (ended.ok()) ++watcher.followed;
  if (!ended.ok() && !absl::IsNotFound(ended)) watcher.Ended(ended);  // its owner has all of it
}

void FollowJobs(Watcher& watcher, std::stop_token stop) {
  std::set<std::string> seen;
  while (!stop.stop_requested()) {
    const absl::StatusOr<std::vector<v1::JobStatus>> jobs = watcher.client->List();
    const absl::Status queue = watcher.client->DescribeQueue().status();
    if (!jobs.ok() || !queue.ok()) return watcher.Ended(jobs.ok() ? queue : jobs.status());
    for (const v1::JobStatus& job : *jobs) {
      if (job.state() != v1::JOB_STATE_RUNNING || !seen.insert(job.run_id()).second) continue;
      FollowRun(watcher, job.run_id(), stop);
    }
    RealClock().SleepUntil(RealClock().Now() + Seconds(1));
  }
}

uint64_t Sum(const std::vector<std::unique_ptr<Watcher>>& watchers,
             std::atomic<uint64_t> Watcher::*count) {
  uint64_t sum = 0;
  for (const auto& watcher : watchers) sum += *watcher.*count;
  return sum;
}

int Run(const char* host, int count, double rate_hz, bool follow) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < count; ++i) {
    auto client = DeviceClient::Connect(host);
    if (!client.ok()) {
      fmt::print(stderr, "{}\n", client.status().ToString());
      return 1;
    }
    watchers.push_back(std::make_unique<Watcher>());
    watchers.back()->client = *std::move(client);
  }
  std::vector<std::jthread> threads;
  for (const auto& watcher : watchers) {
    if (rate_hz > 0) {
      threads.emplace_back(
          [&watcher, rate_hz](std::stop_token stop) { Watch(*watcher, rate_hz, std::move(stop)); });
    }
    if (follow) {
      threads.emplace_back(
          [&watcher](std::stop_token stop) { FollowJobs(*watcher, std::move(stop)); });
    }
  }
  fmt::print("{{\"watching\": {}}}\n", count);
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  uint64_t least = ~uint64_t{0};
  for (const auto& watcher : watchers) least = std::min<uint64_t>(least, watcher->points);
  for (std::jthread& thread : threads) thread.request_stop();
  threads.clear();
  fmt::print("{{\"least\": {}, \"points\": {}, \"lost\": {}, \"followed\": {}, \"bytes\": {}}}\n",
             least, Sum(watchers, &Watcher::points), Sum(watchers, &Watcher::lost),
             Sum(watchers, &Watcher::followed), Sum(watchers, &Watcher::bytes));
  return std::ranges::any_of(watchers, [](const auto& watcher) { return watcher->refused.load(); });
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  const bool follow = argc == 5 && std::string_view(argv[4]) == "--follow";
  if (argc != 4 && !follow) {
    fmt::print(stderr, "usage: watchers HOST COUNT RATE_HZ [--follow]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return synergy::Run(argv[1], std::max(1, std::atoi(argv[2])), std::atof(argv[3]), follow);
}
