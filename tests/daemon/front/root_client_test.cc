#include "daemon/front/root_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

using testing::HasSubstr;

constexpr Nanoseconds kForever = Seconds(100);  // longer than ctest lets the test run

v1::ControlEvent Event(uint64_t id) {
  v1::ControlEvent event;
  event.set_id(id);
  return event;
}

v1::ControlEvent JobEvent(uint64_t id, const std::string& run_id, v1::JobState state) {
  v1::ControlEvent event = Event(id);
  event.mutable_job()->set_run_id(run_id);
  event.mutable_job()->set_state(state);
  return event;
}

UniqueFd Memfd() { return UniqueFd(memfd_create("test", MFD_CLOEXEC)); }

class RootClientTest : public testing::Test {
 protected:
  void Connect(Nanoseconds patience = kForever) {
    auto pair = ControlChannel::Pair();
    ASSERT_TRUE(pair.ok());
    root_ = std::make_unique<ControlChannel>(std::move(pair->first));
    client_.emplace(std::make_unique<ControlChannel>(std::move(pair->second)), news_, patience);
  }

  v1::ControlRequest NextRequest() {
    v1::ControlRequest request;
    std::vector<UniqueFd> fds;
    EXPECT_TRUE(root_->Receive(&request, &fds).ok());
    return request;
  }

  // Waits until the client has taken the event, by way of the news that it publishes.
  void TellAndWait(const v1::ControlEvent& event) {
    const uint64_t seen = news_.count();
    ASSERT_TRUE(root_->Send(event).ok());
    news_.Wait(seen, kForever);
  }

  News news_;
  std::unique_ptr<ControlChannel> root_;
  std::optional<RootClient> client_;
};

TEST_F(RootClientTest, AnswersFindTheirQuestionsInAnyOrder) {
  Connect();
  absl::StatusOr<v1::JobStatus> a, b;
  std::thread ask_a([&] { a = client_->Cancel("a"); });
  std::thread ask_b([&] { b = client_->Cancel("b"); });
  const v1::ControlRequest first = NextRequest(), second = NextRequest();
  EXPECT_NE(first.id(), second.id());
  for (const v1::ControlRequest& request : {second, first}) {
    const v1::ControlEvent answer =
        JobEvent(request.id(), request.cancel().run_id(), v1::JOB_STATE_CANCELLED);
    ASSERT_TRUE(root_->Send(answer).ok());
  }
  ask_a.join();
  ask_b.join();
  EXPECT_EQ(a->run_id(), "a");
  EXPECT_EQ(b->run_id(), "b");
}

TEST_F(RootClientTest, TheRootsErrorIsTheAnswer) {
  Connect();
  std::thread root([&] {
    v1::ControlEvent answer = Event(NextRequest().id());
    answer.set_code(static_cast<uint32_t>(absl::StatusCode::kOutOfRange));
    answer.set_text("there are 7 chunks");
    EXPECT_TRUE(root_->Send(answer).ok());
  });
  EXPECT_EQ(client_->Acknowledge("a", 9), absl::OutOfRangeError("there are 7 chunks"));
  root.join();
}

TEST_F(RootClientTest, FilesComeAsDescriptors) {
  Connect();
  std::thread root([&] {
    const UniqueFd file = Memfd();
    EXPECT_EQ(write(file.get(), "spool", 5), 5);
    const v1::ControlRequest request = NextRequest();
    EXPECT_EQ(request.open_run().run_id(), "a");
    const int fds[] = {file.get()};
    EXPECT_TRUE(root_->Send(Event(request.id()), fds).ok());
  });
  absl::StatusOr<UniqueFd> file = client_->OpenRun("a");
  root.join();
  ASSERT_TRUE(file.ok()) << file.status();
  char bytes[8] = {};
  EXPECT_EQ(pread(file->get(), bytes, sizeof(bytes), 0), 5);
}

TEST_F(RootClientTest, AnAnswerWithoutWhatWasAskedForIsAnError) {
  Connect();
  std::thread root([&] {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(root_->Send(Event(NextRequest().id())).ok());
  });
  EXPECT_EQ(client_->OpenTruth("a").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(client_->Cancel("a").status().code(), absl::StatusCode::kInternal);
  root.join();
}

TEST_F(RootClientTest, ARootThatHangsIsUnavailableInTimeAndALateAnswerHarmsNobody) {
  Connect(Milliseconds(20));
  EXPECT_EQ(client_->Acknowledge("a", 1).code(), absl::StatusCode::kUnavailable);
  const v1::ControlRequest late = NextRequest();
  ASSERT_TRUE(root_->Send(JobEvent(late.id(), "a", v1::JOB_STATE_DONE)).ok());
  TellAndWait(JobEvent(0, "b", v1::JOB_STATE_RUNNING));
  EXPECT_TRUE(client_->lost().ok());
  EXPECT_EQ(client_->jobs().Find("a"), nullptr);
}

// Each refused stranger was logged as an answer that came too late, or twice.
TEST_F(RootClientTest, AnAnswerThatNobodyWantsIsNotSaidToBeLate) {
  Connect();
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  client_->TellStranger("192.0.2.1", "TLS failed");
  client_->TellUnknown("laptop");
  { const auto upload = client_->StartAppend(v1::ObjectRef(), 0, Memfd().get()); }
  v1::ControlEvent answer;
  for (int i = 0; i < 3; ++i) {
    answer = Event(NextRequest().id());
    ASSERT_TRUE(root_->Send(answer).ok());
  }
  TellAndWait(JobEvent(0, "a", v1::JOB_STATE_RUNNING));
  EXPECT_EQ(log.str(), "");
  ASSERT_TRUE(root_->Send(answer).ok());
  TellAndWait(JobEvent(0, "b", v1::JOB_STATE_RUNNING));
  EXPECT_THAT(log.str(), HasSubstr("too late, or twice"));
  spdlog::set_default_logger(before);
}

TEST_F(RootClientTest, NewsFillTheBookOfJobs) {
  Connect();
  TellAndWait(JobEvent(0, "a", v1::JOB_STATE_RUNNING));
  TellAndWait(JobEvent(0, "b", v1::JOB_STATE_QUEUED));
  EXPECT_EQ(client_->jobs().List().size(), 2u);
  v1::ControlEvent removed = Event(0);
  removed.mutable_removed()->set_run_id("a");
  TellAndWait(removed);
  EXPECT_EQ(client_->jobs().List().size(), 1u);
}

TEST_F(RootClientTest, ASubmittedJobIsInTheBookWhenSubmitReturns) {
  Connect();
  std::thread root([&] {
    const v1::ControlRequest request = NextRequest();
    EXPECT_EQ(request.submit().spec().engine(), "caffe2-eigen");
    EXPECT_TRUE(root_->Send(JobEvent(request.id(), "a", v1::JOB_STATE_QUEUED)).ok());
  });
  v1::JobSpec spec;
  spec.set_engine("caffe2-eigen");
  ASSERT_TRUE(client_->Submit(spec, Memfd(), Memfd()).ok());
  EXPECT_NE(client_->jobs().Find("a"), nullptr);
  root.join();
}

TEST_F(RootClientTest, TheEndOfTheRootWakesEverybody) {
  Connect();
  std::thread root([&] {
    NextRequest();
    root_->Shutdown();
  });
  EXPECT_EQ(client_->Cancel("a").status().code(), absl::StatusCode::kUnavailable);
  root.join();
  pollfd lost{.fd = client_->lost_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&lost, 1, -1), 1);
  EXPECT_EQ(client_->lost().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(client_->OpenRun("a").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(RootClientTest, GarbageEndsTheConnection) {
  Connect();
  const std::string garbage = "\xff\xff\xff\xff";
  ASSERT_EQ(send(root_->fd(), garbage.data(), garbage.size(), 0), 4);
  pollfd lost{.fd = client_->lost_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&lost, 1, -1), 1);
  EXPECT_THAT(client_->lost().ToString(), HasSubstr("is no"));
}

class ReceiveStartTest : public testing::Test {
 protected:
  ReceiveStartTest() {
    auto pair = ControlChannel::Pair();
    root_.emplace(std::move(pair->first));
    front_.emplace(std::move(pair->second));
    event_.mutable_start()->mutable_board()->set_name("sim:test");
    event_.mutable_start()->add_listeners()->set_address("unix:a");
    event_.mutable_start()->add_listeners()->set_address("127.0.0.1:7741");
  }

  absl::StatusOr<FrontStart> SendAndReceive(size_t fd_count) {
    const UniqueFd file = Memfd();
    EXPECT_TRUE(root_->Send(event_, std::vector<int>(fd_count, file.get())).ok());
    return ReceiveStart(&*front_);
  }

  std::optional<ControlChannel> root_, front_;
  v1::ControlEvent event_;
};

TEST_F(ReceiveStartTest, TakesBoardRingEventfdAndListeners) {
  absl::StatusOr<FrontStart> start = SendAndReceive(4);
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(start->board.name(), "sim:test");
  EXPECT_TRUE(start->telemetry_ring.ok());
  EXPECT_TRUE(start->news.ok());
  ASSERT_EQ(start->listeners.size(), 2u);
  EXPECT_EQ(start->listeners[1].address, "127.0.0.1:7741");
  EXPECT_TRUE(start->listeners[1].socket.ok());
}

TEST_F(ReceiveStartTest, RefusesMissingDescriptorsAndOtherMessages) {
  EXPECT_EQ(SendAndReceive(3).status().code(), absl::StatusCode::kFailedPrecondition);
  event_ = JobEvent(0, "a", v1::JOB_STATE_DONE);
  EXPECT_EQ(SendAndReceive(2).status().code(), absl::StatusCode::kFailedPrecondition);
  root_.reset();
  EXPECT_EQ(ReceiveStart(&*front_).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace synergy
