#include "daemon/jobs/chirp_player.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "common/load_chirp.h"

namespace synergy {
namespace {

// Until all threads wait for the first edge.
constexpr Nanoseconds kLead = Milliseconds(20);
constexpr Nanoseconds kLongestNap = Milliseconds(20);  // how late a thread sees that it is to stop
// Above the lanes of any engine.
constexpr uint16_t kFirstThread = 0x8000;
constexpr size_t kMostEnded = 1u << 16;  // where nobody polls

// On a core that is not there any more the load is on another one: it is a load all the same.
void PinThisThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

// Dense arithmetic for about a microsecond: what lies between two looks at the clock.
void Work() {
  double a = 1.0, b = 1.1, c = 1.2, d = 1.3;
  for (int i = 0; i < 256; ++i) {
    a = a * 0.999999 + 1e-6;
    b = b * 0.999998 + 2e-6;
    c = c * 0.999997 + 3e-6;
    d = d * 0.999996 + 4e-6;
    asm volatile("" : "+m"(a), "+m"(b), "+m"(c), "+m"(d));
  }
}

}  // namespace

int64_t ChirpPlayer::Begin(size_t thread) {
  // The time is taken under the lock: a snapshot that does not have the load is of before it.
  absl::MutexLock lock(&mutex_);
  return *(busy_since_[thread] = clock_.Now().ns);
}

int64_t ChirpPlayer::End(size_t thread) {
  absl::MutexLock lock(&mutex_);
  const int64_t now_ns = clock_.Now().ns;
  if (ended_.size() < kMostEnded) {
    ended_.push_back({.begin_ns = *busy_since_[thread],
                      .end_ns = now_ns,
                      .op = kOpInit,
                      .iteration = 0,
                      .thread = static_cast<uint16_t>(kFirstThread + thread),
                      .device = 0,
                      .phase = static_cast<uint8_t>(v1::PHASE_IDLE),
                      .event = 0});
  }
  busy_since_[thread].reset();
  return now_ns;
}

void ChirpPlayer::Poll(Snapshot* snapshot) {
  engine_.Poll(snapshot);
  absl::MutexLock lock(&mutex_);
  snapshot->completed.insert(snapshot->completed.end(), ended_.begin(), ended_.end());
  ended_.clear();
  for (size_t i = 0; i < busy_since_.size(); ++i) {
    if (!busy_since_[i]) continue;
    snapshot->running.push_back({.op = kOpInit,
                                 .iteration = 0,
                                 .thread = static_cast<uint16_t>(kFirstThread + i),
                                 .phase = static_cast<uint8_t>(v1::PHASE_IDLE),
                                 .begin_ns = *busy_since_[i]});
  }
}

void ChirpPlayer::PlayOn(size_t thread, const std::vector<MonotonicTime>& edges,
                         std::stop_token stop, std::vector<int64_t>* played) {
  PinThisThread(cpus_[thread]);
  for (size_t edge = 0; edge + 1 < edges.size(); edge += 2) {
    for (MonotonicTime now = clock_.Now(); now < edges[edge]; now = clock_.Now()) {
      if (stop.stop_requested()) return;
      clock_.SleepUntil(std::min(edges[edge], now + kLongestNap));
    }
    if (stop.stop_requested()) return;
    played->push_back(Begin(thread));
    while (clock_.Now() < edges[edge + 1] && !stop.stop_requested()) Work();
    played->push_back(End(thread));
  }
}

absl::StatusOr<v1::ChirpPlayed> ChirpPlayer::Play(const v1::LoadChirp& chirp, bool after,
                                                  const std::function<absl::Status()>& meanwhile) {
  const MonotonicTime begin = clock_.Now() + kLead;
  std::vector<MonotonicTime> edges;
  for (const Nanoseconds edge : ChirpEdges(chirp)) edges.push_back(begin + edge);
  std::vector<std::vector<int64_t>> played(cpus_.size());
  std::atomic<size_t> left = cpus_.size();
  absl::Status status;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < cpus_.size(); ++i) {
      threads.emplace_back([this, i, &edges, &played, &left](std::stop_token stop) {
        PlayOn(i, edges, stop, &played[i]);
        --left;
      });
    }
    while (left > 0 && status.ok()) status = meanwhile();
  }  // stops and joins them
  if (!status.ok()) return status;

  v1::ChirpPlayed record;
  *record.mutable_chirp() = chirp;
  record.set_after(after);
  record.set_threads(static_cast<uint32_t>(cpus_.size()));
  int64_t last_ns = 0;
  for (size_t edge = 0; edge < edges.size(); ++edge) {
    int64_t late_ns = 0;  // summed over threads; small where an instant is not
    for (const std::vector<int64_t>& one : played) late_ns += one[edge] - edges[edge].ns;
    const int64_t at_ns = edges[edge].ns + late_ns / static_cast<int64_t>(played.size());
    last_ns = std::max(at_ns, last_ns + 1);
    record.add_edge_ns(last_ns);
  }
  return record;
}

}  // namespace synergy
