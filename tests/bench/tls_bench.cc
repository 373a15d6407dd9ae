// Bar: what TLS costs. Throughput of records and latency of calls and of connecting, over TCP with
// TLS on the loopback address, beside the Unix socket of the same front.
//
//   tls_bench [ROUNDS [MEGABYTES [CALLS]]]
//
// synergyd-front (a process) serves a spool by FollowJob; DeviceClient checks every chunk. A call
// is GetJob, which the front answers by itself. Rounds alternate; medians. CPU is the time of both
// processes. At last readers stand still in the middle of the spool: the front's memory must not
// grow by what they do not take.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "common/records/readings.h"
#include "tests/daemon/front/fake_root.h"
#include "tests/support/child_process.h"

namespace synergy {
namespace {

constexpr const char* kRun = "r";
constexpr uint32_t kReadingsAChunk = 100;  // what the recorder writes at 1 kHz

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double Percentile99(std::vector<double> values) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, values.size() * 99 / 100)];
}

double CpuSeconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double SecondsOf(const std::function<bool()>& what, bool* ok) {
  const auto begin = std::chrono::steady_clock::now();
  *ok = what() && *ok;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Chunks until `bytes` are there; how many.
uint64_t FillSpool(RunSpool& spool, uint64_t bytes) {
  std::vector<Reading> readings(kReadingsAChunk);
  for (size_t i = 0; i < readings.size(); ++i) {
    readings[i].begin_ns = 1'000'000'000'000 + static_cast<int64_t>(i) * 1'000'123;
    readings[i].end_ns = readings[i].begin_ns + 118'000 + static_cast<int64_t>(i * 7919 % 500);
    readings[i].raw = 1200 + static_cast<int64_t>(i * 31 % 7);
    readings[i].freshness = Freshness::kUnknown;
  }
  const std::string data = EncodeReadings(readings);
  uint64_t chunks = 0;
  for (uint64_t written = 0; written < bytes; written += data.size(), ++chunks) {
    if (spool.Append(2, chunks * kReadingsAChunk, kReadingsAChunk, v1::ENCODING_READINGS, data)
            .ok()) {
      continue;
    }
    fmt::print(stderr, "cannot write the spool\n");
    std::exit(1);
  }
  return chunks;
}

// One of the two ways to the front.
class Way {
 public:
  Way(std::string name, std::string host) : name_(std::move(name)), host_(std::move(host)) {}

  bool Open() {
    auto client = DeviceClient::Connect(host_);
    if (!client.ok()) fmt::print(stderr, "{}\n", client.status().ToString());
    if (client.ok()) client_ = *std::move(client);
    return client_ != nullptr;
  }
  bool Stream(uint64_t chunks, clockid_t front) {
    bool ok = true;
    const double cpu = CpuSeconds(front) + CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
    stream_s_.push_back(SecondsOf([&] { return Follow() == chunks; }, &ok));
    cpu_s_.push_back(CpuSeconds(front) + CpuSeconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return ok;
  }
  bool Call(int count) {
    bool ok = true;
    for (int i = 0; i < count; ++i) {
      call_us_.push_back(1e6 * SecondsOf([&] { return client_->Get(kRun).ok(); }, &ok));
    }
    return ok;
  }
  bool Connect() {
    bool ok = true;
    connect_ms_.push_back(1e3 * SecondsOf([&] { return DeviceClient::Connect(host_).ok(); }, &ok));
    return ok;
  }
  void Print(uint64_t chunks, uint64_t bytes) const {
    const double wall_s = Median(stream_s_);
    fmt::print(
        "  {:<12} {:>6.1f} MB/s, {:>5.2f} Mrecords/s, {:>5.2f} us CPU/chunk; call {:>4.0f} us "
        "(p99 {:.0f}); connect {:.1f} ms (p99 {:.1f})\n",
        name_, static_cast<double>(bytes) / wall_s / 1e6,
        static_cast<double>(chunks * kReadingsAChunk) / wall_s / 1e6,
        1e6 * Median(cpu_s_) / static_cast<double>(chunks), Median(call_us_),
        Percentile99(call_us_), Median(connect_ms_), Percentile99(connect_ms_));
  }

 private:
  uint64_t Follow() const {
    uint64_t chunks = 0;
    const DeviceClient::Follower follower{
        .on_chunk =
            [&chunks](const v1::Chunk&) {
              ++chunks;
              return absl::OkStatus();
            },
        .on_status = [](const v1::JobStatus&) { return absl::OkStatus(); }};
    const absl::StatusOr<v1::JobStatus> last = client_->Follow(kRun, 0, follower);
    if (!last.ok()) fmt::print(stderr, "{}\n", last.status().ToString());
    return chunks;
  }

  const std::string name_, host_;
  std::unique_ptr<DeviceClient> client_;
  std::vector<double> stream_s_, cpu_s_, call_us_, connect_ms_;
};

double MemoryMb(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

// Whether the front stays as large as it was, within a message or two a reader.
bool StandStill(const std::string& host, pid_t front) {
  constexpr int kReaders = 8;
  constexpr double kMostMb = 2 * kReaders;
  const double before_mb = MemoryMb(front);
  absl::Notification go_on;
  absl::Mutex mutex;
  int standing = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      const auto client = DeviceClient::Connect(host);
      if (!client.ok()) return;
      const DeviceClient::Follower follower{
          .on_chunk =
              [&](const v1::Chunk&) {
                {
                  const absl::MutexLock lock(&mutex);
                  ++standing;
                }
                go_on.WaitForNotification();
                return absl::CancelledError("enough");
              },
          .on_status = [](const v1::JobStatus&) { return absl::OkStatus(); }};
      (void)(*client)->Follow(kRun, 0, follower);
    });
  }
  {
    const auto all = [&standing] { return standing == kReaders; };
    const absl::MutexLock lock(&mutex);
    mutex.AwaitWithTimeout(absl::Condition(&all), absl::Seconds(20));
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double after_mb = MemoryMb(front);
  go_on.Notify();
  fmt::print("  {} readers that stand still: synergyd-front {:.1f} MB, before {:.1f} MB\n",
             standing, after_mb, before_mb);
  return standing == kReaders && after_mb - before_mb <= kMostMb;
}

int Run(int rounds, uint64_t bytes, int calls) {
  FakeRoot root;
  setenv("XDG_CONFIG_HOME", root.folder().File("config").c_str(), 1);
  if (!StorePairing(root.Pair()).ok()) return 1;
  const uint64_t chunks = FillSpool(root.Spool(kRun), bytes);
  root.SetJob(JobOf(kRun, v1::JOB_STATE_DONE, chunks));
  const UniqueFd control = root.StartFront();
  const ChildProcess front({SYNERGYD_FRONT}, control.get());
  clockid_t clock = 0;
  clock_getcpuclockid(front.pid(), &clock);

  Way ways[] = {{"Unix socket", root.unix_host()}, {"TCP, TLS", root.tcp_host()}};
  bool ok = true;
  for (Way& way : ways) ok = way.Open() && ok;
  for (int round = 0; ok && round < rounds; ++round) {
    for (Way& way : ways) {
      ok = way.Stream(chunks, clock) && way.Call(calls) && way.Connect() && ok;
    }
  }
  if (!ok) {
    fmt::print(stderr, "FAILED: not everything arrived\n");
    return 1;
  }
  fmt::print("{} rounds of {:.0f} MB and {} calls, loopback:\n", rounds,
             static_cast<double>(bytes) / 1e6, calls);
  for (const Way& way : ways) way.Print(chunks, bytes);
  if (StandStill(root.tcp_host(), front.pid())) return 0;
  fmt::print(stderr, "FAILED: slow readers make the front grow\n");
  return 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  const auto number = [&](int index, int otherwise) {
    return argc > index ? std::max(1, std::atoi(argv[index])) : otherwise;
  };
  return synergy::Run(number(1, 21), static_cast<uint64_t>(number(2, 50)) * 1'000'000,
                      number(3, 500));
}
