// The test is the front: it speaks with the server over the channel, politely or not.
#include "daemon/control/control_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "common/files.h"
#include "common/pairing_code.h"
#include "common/sha256.h"
#include "daemon/control/control_channel.h"
#include "daemon/jobs/engines.h"
#include "daemon/sampling/spool.h"
#include "tests/daemon/jobs/fake_executor.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class ControlServerTest : public testing::Test {
 protected:
  ControlServerTest() {
    JobQueueOptions options;
    options.state_dir = folder_.path();
    options.limits.engines = {{.name = "fake"}};
    options.limits.cpus = 2;
    options.limits.libexec_dir = libexec_.path();
    options.ask_engine = [](const std::string& name) {
      return InstalledEngine{.name = name, .max_threads = 64};
    };
    InstallEngine();
    options.limits.can_measure = true;
    options.space.min_free_bytes = 0;
    queue_ = JobQueue::Open(options, executor_, RealClock()).value();
    start_.board.set_name("board");
    start_.sources = [this] {
      v1::SourceInfo gauge;
      gauge.set_name("gauge");
      gauge.set_max_rate_hz(gauge_hz_);
      return std::vector<v1::SourceInfo>{gauge};
    };
    start_.telemetry_ring = ring_.get();
    start_.listeners.push_back({.address = "unix:/x", .fd = listener_.get()});
    kernel_.AddPolicy({});
    clocks_before_ = kernel_.Snapshot();
    const auto diagnose = [](const v1::DiagnoseRequest& request) {
      v1::Diagnosis diagnosis;
      diagnosis.add_checks()->set_area(request.try_clocks() ? "clocks" : "load");
      return diagnosis;
    };
    server_ = ControlServer::Create(start_, *queue_, &clocks_, diagnose).value();
    Connect();
  }
  ~ControlServerTest() override {
    server_->Shutdown();
    serving_.join();
    queue_->Stop();
  }

  void InstallEngine() {
    ASSERT_TRUE(ReplaceFile(engine_path_, "", Sync::kNo).ok());
    ASSERT_EQ(chmod(engine_path_.c_str(), 0755), 0);
  }
  void Connect() {
    auto pair = ControlChannel::Pair().value();
    channel_ = std::make_unique<ControlChannel>(std::move(pair.first));
    serving_ = std::thread([this, socket = std::move(pair.second)]() mutable {
      served_ = server_->Serve(std::move(socket));
    });
  }
  // Ends the present front and waits until the server has noticed.
  absl::Status Disconnect() {
    channel_->Shutdown();
    serving_.join();
    return served_;
  }

  // But for the clients and the quotas.
  v1::ControlEvent Next() {
    v1::ControlEvent event;
    absl::Status status;
    do {
      status = channel_->Receive(&event, &fds_);
    } while (status.ok() && (event.has_clients() || event.has_quotas()));
    EXPECT_TRUE(status.ok()) << status;
    return event;
  }
  // The answer to `request`; news that come before it are kept.
  v1::ControlEvent Ask(v1::ControlRequest request, std::vector<int> fds = {}) {
    request.set_id(++last_id_);
    if (!request.has_caller()) request.mutable_caller()->set_unix_role(v1::ROLE_RUN);
    EXPECT_TRUE(channel_->Send(request, fds).ok());
    while (true) {
      v1::ControlEvent event = Next();
      if (event.id() == last_id_) return event;
      EXPECT_EQ(event.id(), 0u);
      news_.push_back(event);
    }
  }
  v1::ControlEvent NextNews() {
    if (news_.empty()) return Next();
    v1::ControlEvent event = news_.front();
    news_.erase(news_.begin());
    return event;
  }
  v1::ControlRequest SubmitRequest() {
    v1::ControlRequest request;
    v1::JobSpec& spec = *request.mutable_submit()->mutable_spec();
    spec.set_net_name("net");
    spec.set_engine("fake");
    spec.set_iterations(1);
    spec.set_warmup(1);
    spec.set_threads(1);
    spec.set_batch(1);
    return request;
  }
  v1::ControlEvent Submit() {
    const UniqueFd predict = MemoryFile("predict");
    const UniqueFd init = MemoryFile("");
    return Ask(SubmitRequest(), {predict.get(), init.get()});
  }

  TempFolder folder_;
  const TempFolder libexec_;
  const std::string engine_path_ = EnginePath(libexec_.path(), "fake");
  FakeExecutor executor_;
  std::atomic<double> gauge_hz_ = 10;
  FakeKernel kernel_;  // of the server's thread while a front is connected
  std::map<std::string, std::string> clocks_before_;
  ClockControl clocks_{{.lease_folder = folder_.File("leases"), .boot_id = "boot"}, kernel_};
  const UniqueFd ring_ = MemoryFile("ring");
  const UniqueFd listener_ = MemoryFile("listener");
  std::unique_ptr<AccessFolder> access_;  // of a server that pairs
  ControlStart start_;
  std::unique_ptr<JobQueue> queue_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<ControlChannel> channel_;
  std::thread serving_;
  absl::Status served_;
  std::vector<UniqueFd> fds_;
  std::vector<v1::ControlEvent> news_;
  uint64_t last_id_ = 0;
};

TEST_F(ControlServerTest, BeginsWithTheBoardAndItsDescriptors) {
  const v1::ControlEvent event = Next();
  EXPECT_EQ(event.start().board().name(), "board");
  ASSERT_EQ(event.start().listeners_size(), 1);
  EXPECT_EQ(event.start().listeners(0).address(), "unix:/x");
  ASSERT_THAT(fds_, SizeIs(3));
  char text[8] = {};
  EXPECT_EQ(pread(fds_[0].get(), text, 4, 0), 4);
  EXPECT_STREQ(text, "ring");
  server_->SpoolGrew();
  eventfd_t count = 0;
  EXPECT_EQ(eventfd_read(fds_[1].get(), &count), 0);
  EXPECT_EQ(pread(fds_[2].get(), text, 8, 0), 8);
}

TEST_F(ControlServerTest, AnswersASubmissionAndTellsTheJobsNews) {
  Next();
  const v1::ControlEvent answer = Submit();
  EXPECT_EQ(answer.code(), 0u) << answer.text();
  const std::string run_id = answer.job().run_id();
  EXPECT_EQ(NextNews().job().state(), v1::JOB_STATE_QUEUED);
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  v1::JobState last = v1::JOB_STATE_QUEUED;
  while (last != v1::JOB_STATE_DONE) {
    const v1::ControlEvent event = NextNews();
    ASSERT_EQ(event.job().run_id(), run_id);
    EXPECT_GE(event.job().state(), last);
    last = event.job().state();
  }
}

TEST_F(ControlServerTest, TakesTheSubmissionsOfManyClientsAtOnce) {
  constexpr uint64_t kClients = 32;
  const UniqueFd predict = MemoryFile(std::string(1 << 20, 'p'));
  const UniqueFd init = MemoryFile("");
  const int nets[] = {predict.get(), init.get()};
  for (uint64_t id = 1; id <= kClients; ++id) {
    v1::ControlRequest request = SubmitRequest();
    request.set_id(id);
    request.mutable_caller()->set_unix_role(v1::ROLE_RUN);
    ASSERT_TRUE(channel_->Send(request, nets).ok());
  }
  for (uint64_t answered = 0; answered < kClients;) {
    const v1::ControlEvent event = Next();
    if (event.id() == 0) continue;  // news
    ++answered;
    EXPECT_EQ(event.code(), 0u) << event.text();
  }
}

TEST_F(ControlServerTest, ARequestOfNobodyIsNotDone) {
  Next();
  v1::ControlRequest request = SubmitRequest();
  request.mutable_caller();
  const UniqueFd predict = MemoryFile("predict"), init = MemoryFile("");
  const v1::ControlEvent answer = Ask(request, {predict.get(), init.get()});
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(absl::StatusCode::kUnauthenticated));
  request.mutable_caller()->set_unix_role(v1::ROLE_WATCH);
  const v1::ControlEvent refused = Ask(request, {predict.get(), init.get()});
  EXPECT_EQ(refused.code(), static_cast<uint32_t>(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(refused.text(), HasSubstr("the role run"));
  EXPECT_TRUE(queue_->List().empty());
}

TEST_F(ControlServerTest, AnAdminOpensAPairingButForNoOtherAdmin) {
  (void)Disconnect();
  access_ = AccessFolder::Open(folder_.path()).value();
  start_.access = access_.get();
  server_ = ControlServer::Create(start_, *queue_).value();
  Connect();
  v1::ControlRequest request;
  request.mutable_open_pairing()->set_role(v1::ROLE_RUN);
  EXPECT_EQ(Ask(request).code(), static_cast<uint32_t>(absl::StatusCode::kPermissionDenied));
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  EXPECT_THAT(Ask(request).text(), HasSubstr("does not listen on TCP"));
  ASSERT_TRUE(ReplaceFile(access_->path() + "/listening", "0.0.0.0:1234\n", Sync::kNo).ok());
  ASSERT_TRUE(MakeBoardCredentials(access_->path(), "board").ok());
  const v1::ControlEvent answer = Ask(request);
  EXPECT_EQ(answer.pairing().code().size(), kPairingCodeLetters) << answer.text();
  EXPECT_THAT(answer.pairing().host(), testing::EndsWith(":1234"));
  request.mutable_open_pairing()->set_role(v1::ROLE_ADMIN);
  EXPECT_THAT(Ask(request).text(), HasSubstr("synergyd pair --role admin"));
}

TEST_F(ControlServerTest, AnAdminSetsQuotasThatTheFrontHearsOfFirst) {
  v1::ControlEvent first;
  ASSERT_TRUE(channel_->Receive(&first, &fds_).ok());
  ASSERT_TRUE(channel_->Receive(&first, &fds_).ok());
  EXPECT_EQ(first.quotas().watch_rate_hz(), kDefaultWatchRateHz) << "before any client is served";
  v1::ControlRequest request;
  request.mutable_set_quotas()->mutable_set()->set_watch_rate_hz(2);
  EXPECT_EQ(Ask(request).code(), static_cast<uint32_t>(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(queue_->quotas().limits().watch_rate_hz(), kDefaultWatchRateHz);
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  request.set_id(77);
  ASSERT_TRUE(channel_->Send(request).ok());
  v1::ControlEvent event;
  do {
    ASSERT_TRUE(channel_->Receive(&event, &fds_).ok());
  } while (event.has_clients());
  EXPECT_EQ(event.quotas().watch_rate_hz(), 2);
  ASSERT_TRUE(channel_->Receive(&event, &fds_).ok());
  EXPECT_EQ(event.id(), 77u);
  EXPECT_EQ(event.quota_state().limits().watch_rate_hz(), 2);
  EXPECT_EQ(event.quota_state().defaults().watch_rate_hz(), kDefaultWatchRateHz);
  v1::ControlRequest watcher;
  watcher.mutable_get_quotas();
  watcher.mutable_caller()->set_unix_role(v1::ROLE_WATCH);
  EXPECT_EQ(Ask(watcher).quota_state().limits().watch_rate_hz(), 2);
}

TEST_F(ControlServerTest, TheAuditLogSaysWhatWasDoneAndWhatWasRefused) {
  (void)Disconnect();
  access_ = AccessFolder::Open(folder_.path()).value();
  start_.access = access_.get();
  server_ = ControlServer::Create(start_, *queue_).value();
  Connect();
  v1::ControlRequest request;
  request.mutable_take_lease()->set_id("abc");
  request.mutable_take_lease()->set_for_s(60);
  request.mutable_caller()->set_unix_role(v1::ROLE_WATCH);
  EXPECT_NE(Ask(request).code(), 0u);
  request.mutable_caller()->set_unix_role(v1::ROLE_RUN);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Ask(request).device_lease().held());
  request.mutable_release_lease()->set_id("abc");
  EXPECT_EQ(Ask(request).code(), 0u);
  request.mutable_set_quotas()->mutable_set()->set_jobs_per_client(3);
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  EXPECT_EQ(Ask(request).code(), 0u);
  request.mutable_cancel()->set_run_id("abc");
  EXPECT_NE(Ask(request).code(), 0u) << "after its role was checked";
  request.mutable_refused()->set_method("ListJobs");
  request.mutable_refused()->set_why("too often");
  EXPECT_EQ(Ask(request).code(), 0u);
  const std::string log = ReadFile(access_->path() + "/audit.log", 1 << 20).value();
  std::vector<std::string> lines;
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) {
    lines.push_back(log.substr(log.find(' ', at) + 1, log.find('\n', at) - log.find(' ', at) - 1));
  }
  EXPECT_THAT(lines,
              testing::ElementsAre(HasSubstr("taking a lease on the board abc for 60 s: refused: "),
                                   "user 0: taking a lease on the board abc for 60 s",
                                   "user 0: ending a lease on the board abc",
                                   "user 0: setting quotas jobs_per_client: 3",
                                   testing::StartsWith("user 0: cancelling a job abc: refused: "),
                                   "user 0: calling ListJobs: refused: too often"));
}

// What an admin brings away by `fetch --all` is not without a trace.
TEST_F(ControlServerTest, TheAuditLogSaysWhoseRunWasAcknowledged) {
  (void)Disconnect();
  access_ = AccessFolder::Open(folder_.path()).value();
  start_.access = access_.get();
  server_ = ControlServer::Create(start_, *queue_).value();
  Connect();
  const std::string run_id = Submit().job().run_id();
  v1::ControlRequest request;
  request.mutable_acknowledge()->set_run_id(run_id);
  request.mutable_caller()->set_uid(54321);
  request.mutable_caller()->set_unix_role(v1::ROLE_ADMIN);
  EXPECT_EQ(Ask(request).code(), 0u);
  request.mutable_caller()->set_uid(0);
  EXPECT_EQ(Ask(request).code(), 0u);
  const std::string log = ReadFile(access_->path() + "/audit.log", 1 << 20).value();
  EXPECT_THAT(log, HasSubstr("user 0: submitting a job net as " + run_id + "\n"));
  EXPECT_THAT(log, HasSubstr("user 54321: acknowledging a run " + run_id + " of user root\n"));
  EXPECT_THAT(log, HasSubstr("user 0: acknowledging a run " + run_id + "\n"));
}

TEST_F(ControlServerTest, TheAuditLogSaysFromWhereAPairingWasTried) {
  (void)Disconnect();
  access_ = AccessFolder::Open(folder_.path()).value();
  ASSERT_TRUE(MakeBoardCredentials(access_->path(), "board").ok());
  ASSERT_TRUE(access_->OpenPairing(v1::ROLE_RUN).ok());
  start_.access = access_.get();
  server_ = ControlServer::Create(start_, *queue_).value();
  Connect();
  v1::ControlRequest request;
  request.mutable_pair()->set_secret("a guess");
  request.mutable_pair()->set_client_name("ann@laptop");
  request.set_pair_from("10.0.0.7");
  EXPECT_NE(Ask(request).code(), 0u);
  const std::string log = ReadFile(access_->path() + "/audit.log", 1 << 20).value();
  EXPECT_THAT(log, HasSubstr("a host: pairing ann@laptop from 10.0.0.7: refused: "));
}

TEST_F(ControlServerTest, GivesOutSpoolsToBeReadOnly) {
  Next();
  const std::string run_id = Submit().job().run_id();
  executor_.Finish(v1::JOB_STATE_DONE);
  queue_->Start();
  while (NextNews().job().state() != v1::JOB_STATE_DONE) {
  }
  v1::ControlRequest request;
  request.mutable_open_run()->set_run_id(run_id);
  EXPECT_EQ(Ask(request).code(), 0u);
  ASSERT_THAT(fds_, SizeIs(1));
  EXPECT_EQ(fcntl(fds_[0].get(), F_GETFL) & O_ACCMODE, O_RDONLY);
  SpoolReader reader(std::move(fds_[0]));
  v1::Chunk chunk;
  EXPECT_TRUE(reader.Next(&chunk).value());

  v1::ControlRequest acknowledge;
  acknowledge.mutable_acknowledge()->set_run_id(run_id);
  acknowledge.mutable_acknowledge()->set_next_seq(2);
  EXPECT_EQ(Ask(acknowledge).code(), 0u);
  EXPECT_EQ(NextNews().removed().run_id(), run_id);
}

TEST_F(ControlServerTest, ErrorsComeAsCodeAndTextAlone) {
  Next();
  v1::ControlRequest request;
  request.mutable_cancel()->set_run_id("no\x1bsuch");
  const v1::ControlEvent answer = Ask(request);
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(absl::StatusCode::kNotFound));
  EXPECT_THAT(answer.text(), HasSubstr("'no?such'"));
  EXPECT_EQ(answer.event_case(), v1::ControlEvent::EVENT_NOT_SET);
  EXPECT_THAT(fds_, SizeIs(0));
}

TEST_F(ControlServerTest, ValidatesTheSpecAgain) {
  Next();
  v1::ControlRequest request = SubmitRequest();
  request.mutable_submit()->mutable_spec()->set_iterations(0);
  const UniqueFd net = MemoryFile("net");
  const v1::ControlEvent answer = Ask(request, {net.get(), net.get()});
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(answer.text(), HasSubstr("iterations"));
}

TEST_F(ControlServerTest, RefusesAWrongNumberOfDescriptors) {
  Next();
  const UniqueFd net = MemoryFile("net");
  EXPECT_THAT(Ask(SubmitRequest(), {net.get()}).text(), HasSubstr("1 descriptors instead of 2"));
  v1::ControlRequest request;
  request.mutable_cancel()->set_run_id("x");
  EXPECT_THAT(Ask(request, {net.get()}).text(), HasSubstr("1 descriptors instead of 0"));
}

TEST_F(ControlServerTest, TakesNetsFromMemoryOnly) {
  Next();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  const UniqueFd file(open("/proc/version", O_RDONLY | O_CLOEXEC));
  const UniqueFd net = MemoryFile("net");
  for (const int bad : {reading.get(), file.get()}) {
    EXPECT_THAT(Ask(SubmitRequest(), {bad, net.get()}).text(), HasSubstr("no file in memory"));
    EXPECT_THAT(Ask(SubmitRequest(), {net.get(), bad}).text(), HasSubstr("no file in memory"));
  }
  EXPECT_TRUE(queue_->List().empty());
}

TEST_F(ControlServerTest, DescribesEnginesAndAsksTheOneThatIsWanted) {
  Next();
  v1::ControlRequest describe;
  describe.mutable_describe_engines();
  ASSERT_EQ(Ask(describe).engines().engines_size(), 1);
  EXPECT_EQ(Ask(describe).engines().engines(0).unusable(), "");
  ASSERT_EQ(unlink(engine_path_.c_str()), 0);
  EXPECT_THAT(Ask(describe).engines().engines(0).unusable(), HasSubstr("was removed from"));
  InstallEngine();
  EXPECT_NE(Ask(describe).engines().engines(0).unusable(), "") << "nobody wants it";
  describe.mutable_describe_engines()->set_wanted("fake");
  EXPECT_EQ(Ask(describe).engines().engines(0).unusable(), "");
  EXPECT_EQ(Ask(describe).engines().engines(0).max_threads(), 2u) << "more than the board has CPUs";
}

TEST_F(ControlServerTest, DescribesSourcesAsTheyAreWhenItIsAsked) {
  Next();
  v1::ControlRequest describe;
  describe.mutable_describe_sources();
  v1::ControlEvent event = Ask(describe);
  ASSERT_EQ(event.sources().sources_size(), 1);
  EXPECT_EQ(event.sources().sources(0).name(), "gauge");
  EXPECT_DOUBLE_EQ(event.sources().sources(0).max_rate_hz(), 10);
  gauge_hz_ = 2;
  EXPECT_DOUBLE_EQ(Ask(describe).sources().sources(0).max_rate_hz(), 2);
}

TEST_F(ControlServerTest, TakesAnObjectInPartsAndSaysHowMuchIsThere) {
  Next();
  Sha256 hash;
  hash.Update("weights");
  v1::ControlRequest append, query;
  v1::ObjectRef& object = *append.mutable_append_object()->mutable_object();
  object.set_sha256(hash.Finish());
  object.set_bytes(7);
  *query.mutable_query_object() = object;
  const UniqueFd first = MemoryFile("weig"), second = MemoryFile("hts");
  const v1::ControlEvent partly = Ask(append, {first.get()});
  EXPECT_EQ(partly.code(), 0u) << partly.text();
  EXPECT_FALSE(partly.object().complete());
  EXPECT_EQ(Ask(query).object().bytes(), 4u);
  append.mutable_append_object()->set_offset(4);
  EXPECT_TRUE(Ask(append, {second.get()}).object().complete());
  EXPECT_TRUE(Ask(query).object().complete());
  EXPECT_EQ(Ask(append, {}).code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
}

TEST_F(ControlServerTest, TakesObjectsFromMemoryOnly) {
  Next();
  v1::ControlRequest append;
  append.mutable_append_object()->mutable_object()->set_sha256(std::string(32, 'x'));
  append.mutable_append_object()->mutable_object()->set_bytes(7);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const UniqueFd reader(ends[0]), writer(ends[1]);
  const v1::ControlEvent answer = Ask(append, {reader.get()});
  EXPECT_EQ(answer.code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(answer.text(), HasSubstr("no file in memory"));
}

TEST_F(ControlServerTest, ClocksAreHeldForAFrontAndPutBackWhenItIsGone) {
  Next();
  v1::ControlRequest hold, get;
  hold.mutable_hold_clocks()->set_hold(1);
  hold.mutable_hold_clocks()->mutable_clocks()->mutable_cpu()->set_khz(1224000);
  get.mutable_get_clocks();
  const v1::ControlEvent lease = Ask(hold);
  EXPECT_EQ(lease.code(), 0u) << lease.text();
  EXPECT_EQ(lease.lease().asked().cpu().khz(), 1224000);
  EXPECT_EQ(Ask(get).clocks().policies(0).max_khz(), 1224000);
  EXPECT_EQ(Ask(hold).code(), static_cast<uint32_t>(absl::StatusCode::kInvalidArgument));
  Disconnect().IgnoreError();
  EXPECT_EQ(kernel_.Snapshot(), clocks_before_);

  Connect();
  Next();
  EXPECT_FALSE(Ask(get).clocks().has_lease());
  EXPECT_EQ(Ask(hold).code(), 0u) << "the number is free again";
  v1::ControlRequest release;
  release.mutable_release_clocks()->set_hold(1);
  EXPECT_EQ(Ask(release).code(), 0u);
  EXPECT_FALSE(Ask(get).clocks().has_lease());
}

TEST_F(ControlServerTest, ClocksOfOneClientAndJobsOfAnotherKeepEachOtherWaiting) {
  Next();
  v1::ControlRequest hold, release;
  hold.mutable_hold_clocks()->set_hold(1);
  hold.mutable_hold_clocks()->mutable_clocks()->mutable_cpu()->set_khz(1224000);
  hold.mutable_caller()->set_uid(54321);
  hold.mutable_caller()->set_unix_role(v1::ROLE_RUN);
  release.mutable_release_clocks()->set_hold(1);
  hold.mutable_hold_clocks()->set_holder("bob@lab");
  EXPECT_EQ(Ask(hold).lease().holder(), "user 54321: bob@lab") << "whatever he calls himself";
  EXPECT_EQ(Submit().job().waits_for(), "the clocks of user 54321");
  EXPECT_EQ(Ask(release).code(), 0u);
  queue_->Start();
  executor_.WaitForStarts(1);
  const v1::ControlEvent refused = Ask(hold);
  EXPECT_EQ(refused.code(), static_cast<uint32_t>(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(refused.text(), HasSubstr("runs a job of user root"));
  EXPECT_EQ(kernel_.Snapshot(), clocks_before_);
  executor_.Finish(v1::JOB_STATE_DONE);
}

TEST_F(ControlServerTest, ARequestThatIsNoneIsAnsweredAsUnknown) {
  Next();
  EXPECT_EQ(Ask(v1::ControlRequest()).code(),
            static_cast<uint32_t>(absl::StatusCode::kUnimplemented));
}

TEST_F(ControlServerTest, ARequestWithoutAnIdEndsTheFront) {
  Next();
  v1::ControlRequest request;
  request.mutable_cancel()->set_run_id("x");
  ASSERT_TRUE(channel_->Send(request).ok());
  serving_.join();
  EXPECT_EQ(served_.code(), absl::StatusCode::kInvalidArgument);
  Connect();
}

TEST_F(ControlServerTest, GarbageEndsTheFront) {
  Next();
  ASSERT_EQ(write(channel_->fd(), "\xff\xff\xff", 3), 3);
  serving_.join();
  EXPECT_EQ(served_.code(), absl::StatusCode::kDataLoss);
  Connect();
}

TEST_F(ControlServerTest, ANewFrontHearsOfEveryJobOldestFirst) {
  Next();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(Submit().job().run_id());
  EXPECT_EQ(Disconnect().code(), absl::StatusCode::kUnavailable);
  Connect();
  news_.clear();
  EXPECT_TRUE(Next().has_start());
  for (const std::string& run_id : ids) EXPECT_EQ(Next().job().run_id(), run_id);
}

TEST_F(ControlServerTest, AFrontThatDoesNotReadHoldsUpNoJob) {
  const std::string run_id = Submit().job().run_id();
  for (int i = 0; i < 3; ++i) executor_.Finish(v1::JOB_STATE_DONE);
  NewsLog log;
  queue_->Start();
  executor_.WaitForStarts(1);
  const v1::JobStatus spec = queue_->Get(run_id).value();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(queue_->Submit(spec.spec(), MemoryFile("net"), MemoryFile("")).ok());
  }
  EXPECT_THAT(executor_.WaitForStarts(3), SizeIs(3));
}

TEST_F(ControlServerTest, NewsThatAreTooLongAreLeftOutAndTheFrontLives) {
  Next();
  Submit();  // from the answer on the server tells news
  v1::JobStatus job;
  job.set_run_id("long");
  job.set_error(std::string(kMaxControlMessageBytes, 'x'));
  server_->OnJob(job);
  server_->OnRemoved("r");
  v1::ControlEvent event = Next();
  while (!event.has_removed()) {
    EXPECT_NE(event.job().run_id(), "long");
    event = Next();
  }
  EXPECT_EQ(event.removed().run_id(), "r");
}

TEST_F(ControlServerTest, NewsOfOneJobReplaceEachOtherWhileTheFrontIsSlow) {
  Next();
  Submit();  // from the answer on the server tells news
  v1::JobStatus job;
  job.set_run_id("r");
  for (uint32_t i = 0; i < 100'000; ++i) {
    job.set_iteration(i);
    server_->OnJob(job);
  }
  server_->OnRemoved("r");
  size_t count = 0;
  uint32_t last = 0;
  for (v1::ControlEvent event = Next(); !event.has_removed(); event = Next()) {
    if (event.has_job()) last = event.job().iteration();
    ++count;
  }
  EXPECT_EQ(last, 99'999u) << "the newest comes, and before the removal";
  EXPECT_LT(count, 100'000u);
}

TEST_F(ControlServerTest, ADiagnosisIsMadeOfWhatWasAskedFor) {
  Next();
  for (const bool tried : {false, true}) {
    v1::ControlRequest request;
    request.mutable_diagnose()->set_try_clocks(tried);
    const v1::ControlEvent answer = Ask(request);
    EXPECT_EQ(answer.code(), 0u);
    ASSERT_EQ(answer.diagnosis().checks_size(), 1);
    EXPECT_EQ(answer.diagnosis().checks(0).area(), tried ? "clocks" : "load");
  }
}

}  // namespace
}  // namespace synergy
