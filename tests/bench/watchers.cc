// Clients that watch a board's live power at the same time, each over a connection of its own.
//
//   watchers HOST COUNT RATE_HZ
//
// Watches until its standard input ends; then prints, in JSON, the points that the slowest client
// got, the points of all, and how many base points were dropped for them. Where the board ends a
// stream before, that is said on standard error at once.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "client/net/device_client.h"

namespace synergy {
namespace {

struct Watcher {
  std::unique_ptr<DeviceClient> client;
  std::atomic<uint64_t> points = 0, lost = 0;
  absl::Status ended;
};

void Watch(Watcher& watcher, double rate_hz, std::stop_token stop) {
  const auto on_point = [&watcher](const v1::TelemetryPoint& point) {
    ++watcher.points;
    watcher.lost = point.lost();
    return absl::OkStatus();
  };
  watcher.ended = watcher.client->Watch(rate_hz, on_point, std::move(stop));
  if (!absl::IsCancelled(watcher.ended)) fmt::print(stderr, "{}\n", watcher.ended.ToString());
}

int Run(const char* host, int count, double rate_hz) {
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
    threads.emplace_back(
        [&watcher, rate_hz](std::stop_token stop) { Watch(*watcher, rate_hz, std::move(stop)); });
  }
  fmt::print("{{\"watching\": {}}}\n", count);
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  uint64_t least = ~uint64_t{0}, points = 0, lost = 0;
  for (const auto& watcher : watchers) {
    least = std::min<uint64_t>(least, watcher->points);
    points += watcher->points;
    lost += watcher->lost;
  }
  threads.clear();  // stops and joins them
  const auto refused = std::count_if(watchers.begin(), watchers.end(), [](const auto& watcher) {
    return !absl::IsCancelled(watcher->ended);
  });
  fmt::print("{{\"least\": {}, \"points\": {}, \"lost\": {}}}\n", least, points, lost);
  return refused == 0 ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: watchers HOST COUNT RATE_HZ\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return synergy::Run(argv[1], std::max(1, std::atoi(argv[2])), std::atof(argv[3]));
}
