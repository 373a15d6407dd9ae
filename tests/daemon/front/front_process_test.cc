// synergyd-front as a process: killed, restarted, cut off, and told to stop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "fmt/format.h"
#include "tests/daemon/front/fake_root.h"
#include "tests/support/child_process.h"

namespace synergy {
namespace {

// A synergyd-front with `control` as descriptor 3, or without one where it is empty.
class FrontProcess : public ChildProcess {
 public:
  explicit FrontProcess(const UniqueFd& control) : ChildProcess({SYNERGYD_FRONT}, control.get()) {}

  // A line of /proc/PID/status in kB.
  size_t Memory(const std::string& name) const {
    std::ifstream file(fmt::format("/proc/{}/status", pid()));
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1));
    }
    ADD_FAILURE() << "no " << name;
    return 0;
  }
  // User and system time in clock ticks.
  long CpuTicks() const {
    std::ifstream file(fmt::format("/proc/{}/stat", pid()));
    std::string stat((std::istreambuf_iterator<char>(file)), {});
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    return user + system;
  }
};

std::unique_ptr<DeviceClient> ConnectTo(const std::string& host) {
  auto client = DeviceClient::Connect(host);
  EXPECT_TRUE(client.ok()) << client.status();
  return client.ok() ? *std::move(client) : nullptr;
}

// So that ConnectTo(root.tcp_host()) is let in.
void PairWith(FakeRoot& root) {
  setenv("XDG_CONFIG_HOME", root.folder().File("config").c_str(), 1);
  ASSERT_TRUE(StorePairing(root.Pair()).ok());
}

DeviceClient::Follower Ignore() {
  return {.on_chunk = [](v1::Chunk) { return absl::OkStatus(); },
          .on_status = [](const v1::JobStatus&) { return absl::OkStatus(); }};
}

TEST(FrontProcessTest, WithoutAControlChannelSaysWhoStartsIt) {
  FrontProcess front{UniqueFd()};
  EXPECT_EQ(front.Wait(), 2);
}

TEST(FrontProcessTest, EndsWhenTheRootSideIsGone) {
  FakeRoot root;
  FrontProcess front(root.StartFront());
  const auto client = ConnectTo(root.unix_host());
  root.CutFront();
  EXPECT_EQ(front.Wait(), 1);
}

TEST(FrontProcessTest, EndsWhenTheRootSideSendsGarbage) {
  FakeRoot root;
  FrontProcess front(root.StartFront());
  const auto client = ConnectTo(root.unix_host());
  root.SendRaw("\xff\xff\xff garbage");
  EXPECT_EQ(front.Wait(), 1);
}

TEST(FrontProcessTest, EndsWhenGarbageComesInsteadOfStart) {
  auto pair = ControlChannel::Pair();
  ControlChannel root(std::move(pair->first));
  FrontProcess front(pair->second);
  v1::ControlEvent no_start;
  no_start.mutable_job()->set_run_id("r");
  ASSERT_TRUE(root.Send(no_start).ok());
  EXPECT_EQ(front.Wait(), 1);
}

TEST(FrontProcessTest, SigtermEndsItSoonWhateverIsOpen) {
  for (const bool tcp : {false, true}) {
    FakeRoot root;
    FrontProcess front(root.StartFront());
    PairWith(root);
    const auto client = ConnectTo(tcp ? root.tcp_host() : root.unix_host());
    root.SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
    while (!client->Get("r").ok()) {
    }
    absl::Notification following;
    absl::Status follow, watch;
    DeviceClient::Follower sink = Ignore();
    sink.on_status = [&](const v1::JobStatus&) {
      following.Notify();
      return absl::OkStatus();
    };
    std::jthread follower([&] { follow = client->Follow("r", 0, sink).status(); });
    std::jthread watcher(
        [&] { watch = client->Watch(10, [](const auto&) { return absl::OkStatus(); }); });
    following.WaitForNotification();
    const auto begin = std::chrono::steady_clock::now();
    front.Signal(SIGTERM);
    EXPECT_EQ(front.Wait(), 0);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
    follower.join();
    watcher.join();
    EXPECT_EQ(follow.code(), absl::StatusCode::kUnavailable) << follow;
    EXPECT_EQ(watch.code(), absl::StatusCode::kUnavailable) << watch;
  }
}

TEST(FrontProcessTest, AnInterruptFromTheTerminalIsNotForTheFront) {
  FakeRoot root;
  FrontProcess front(root.StartFront());
  const auto client = ConnectTo(root.unix_host());
  front.Signal(SIGINT);
  EXPECT_TRUE(client->DescribeBoard().ok());
  front.Signal(SIGTERM);
  EXPECT_EQ(front.Wait(), 0);
}

TEST(FrontProcessTest, AKilledFrontsSuccessorServesWhoeverWaited) {
  for (const bool tcp : {false, true}) {
    FakeRoot root;
    PairWith(root);
    const std::string host = tcp ? root.tcp_host() : root.unix_host();
    root.AppendChunks("r", 10);
    root.SetJob(JobOf("r", v1::JOB_STATE_DONE, 10));
    auto front = std::make_unique<FrontProcess>(root.StartFront());
    const auto client = ConnectTo(host);
    front->Signal(SIGKILL);
    front->Wait();
    // Nobody accepts now; the socket is there all the same, and connections wait in its backlog.
    std::unique_ptr<DeviceClient> newcomer;
    std::jthread connecting([&] { newcomer = ConnectTo(host); });
    front = std::make_unique<FrontProcess>(root.StartFront());
    connecting.join();
    ASSERT_NE(newcomer, nullptr);
    for (DeviceClient* each : {newcomer.get(), client.get()}) {
      ASSERT_TRUE(each->DescribeBoard().ok());
      absl::StatusOr<v1::JobStatus> last = each->Follow("r", 5, Ignore());
      EXPECT_TRUE(last.ok()) << last.status();
    }
  }
}

TEST(FrontProcessTest, AFollowThatItsFrontsDeathCutOffGoesOnAtTheNextSeq) {
  FakeRoot root;
  root.AppendChunks("r", 3);
  root.SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  auto front = std::make_unique<FrontProcess>(root.StartFront());
  const auto client = ConnectTo(root.unix_host());
  uint64_t next = 0;
  DeviceClient::Follower sink = Ignore();
  sink.on_chunk = [&](v1::Chunk chunk) {
    next = chunk.seq() + 1;
    if (next == 3) front->Signal(SIGKILL);
    return absl::OkStatus();
  };
  while (client->Get("r").status().code() == absl::StatusCode::kNotFound) {
  }
  EXPECT_EQ(client->Follow("r", 0, sink).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(next, 3u);
  root.CutFront();
  root.AppendChunks("r", 2);
  root.SetJob(JobOf("r", v1::JOB_STATE_DONE, 5));
  front = std::make_unique<FrontProcess>(root.StartFront());
  ASSERT_TRUE(client->DescribeBoard().ok());
  absl::StatusOr<v1::JobStatus> last = client->Follow("r", next, sink);
  EXPECT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(next, 5u);
}

TEST(FrontProcessTest, AReaderThatDoesNotReadCostsNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps freed memory and memory of its own";
#endif
  FakeRoot root;
  constexpr int kMegabytes = 150;
  root.AppendChunks("r", kMegabytes, 1 << 20);
  root.SetJob(JobOf("r", v1::JOB_STATE_DONE, kMegabytes));
  FrontProcess front(root.StartFront());
  const auto client = ConnectTo(root.unix_host());
  while (!client->Get("r").ok()) {
  }
  const size_t before_kb = front.Memory("VmRSS");
  absl::Notification blocked, go_on;
  int chunks = 0;
  DeviceClient::Follower sink = Ignore();
  sink.on_chunk = [&](v1::Chunk) {
    if (++chunks == 1) {
      blocked.Notify();
      go_on.WaitForNotification();
    }
    return absl::OkStatus();
  };
  std::jthread reader([&] { EXPECT_TRUE(client->Follow("r", 0, sink).ok()); });
  blocked.WaitForNotification();
  // Until the front has been idle for 20 looks: by then it has read ahead as far as it ever will.
  for (int idle = 0; idle < 20;) {
    const long ticks = front.CpuTicks();
    absl::SleepFor(absl::Milliseconds(10));
    idle = front.CpuTicks() == ticks ? idle + 1 : 0;
  }
  EXPECT_LT(front.Memory("VmRSS"), before_kb + 40 * 1024);
  go_on.Notify();
  reader.join();
  EXPECT_EQ(chunks, kMegabytes);
  EXPECT_LT(front.Memory("VmHWM"), before_kb + 60 * 1024);
}

}  // namespace
}  // namespace synergy
