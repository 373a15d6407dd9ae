// Who comes in by TCP and who does not: the front and the client, with a fake root side. Pairing is
// in pairing_test.cc.
#include <gmock/gmock.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <list>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "client/net/board_pairing.h"
#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "client/net/preflight.h"
#include "common/certificates.h"
#include "common/pairing_code.h"
#include "common/roles.h"
#include "daemon/front/client_table.h"
#include "daemon/front/front_server.h"
#include "daemon/front/unix_servers.h"
#include "fmt/format.h"
#include "google/protobuf/descriptor.h"
#include "synergy/v1/device.grpc.pb.h"
#include "tests/daemon/front/fake_root.h"

namespace synergy {
namespace {

using testing::HasSubstr;

class AccessTest : public testing::Test {
 protected:
  AccessTest() {
    setenv("XDG_CONFIG_HOME", root_.folder().File("config").c_str(), 1);
    front_ = FrontServer::Start(std::make_unique<ControlChannel>(root_.StartFront()), RealClock())
                 .value();
  }

  std::shared_ptr<grpc::Channel> ChannelOf(const v1::PairedBoard& board) const {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetSslTargetNameOverride(BoardDnsName(board.board_id()));
    const grpc::SslCredentialsOptions options{.pem_root_certs = board.authority_pem(),
                                              .pem_private_key = board.key_pem(),
                                              .pem_cert_chain = board.certificate_pem()};
    return grpc::CreateCustomChannel("ipv4:" + root_.tcp_host(), grpc::SslCredentials(options),
                                     args);
  }
  // What comes of calling `method` with an empty message.
  static grpc::Status CallOf(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& method) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status;
  }
  grpc::Status HandshakeOf(const v1::PairedBoard& board) const {
    return CallOf(ChannelOf(board), "/synergy.v1.Device/DescribeBoard");
  }
  static const google::protobuf::ServiceDescriptor& Service() {
    return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
        "synergy.v1.Device");
  }
  // Every RPC ends in the handshake, and nothing is done.
  void ExpectNoRpcComesIn(const std::shared_ptr<grpc::Channel>& channel) const {
    for (int i = 0; i < Service().method_count(); ++i) {
      EXPECT_EQ(CallOf(channel, PathOf(*Service().method(i))).error_code(),
                grpc::StatusCode::UNAVAILABLE)
          << Service().method(i)->name();
    }
    EXPECT_EQ(root_.asked(), 0);
  }
  static std::string PathOf(const google::protobuf::MethodDescriptor& method) {
    return fmt::format("/{}/{}", method.service()->full_name(), method.name());
  }
  // Certificates of another authority than the board's.
  static v1::PairedBoard OfAnotherAuthority(v1::PairedBoard board) {
    const CertifiedKey authority = MakeAuthority(board.board_id()).value();
    const RequestedKey own = MakeCertificateRequest().value();
    board.set_key_pem(own.key);
    board.set_certificate_pem(
        SignClientUntrusted(authority, own.request, board.client_id()).value());
    return board;
  }
  FakeRoot root_;
  std::unique_ptr<FrontServer> front_;
};

TEST_F(AccessTest, APairedClientIsServed) {
  const v1::PairedBoard board = root_.Pair();
  const grpc::Status status = HandshakeOf(board);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(AccessTest, WithoutACertificateNobodyComesIn) {
  v1::PairedBoard board = root_.Pair();
  board.clear_key_pem();
  board.clear_certificate_pem();
  ExpectNoRpcComesIn(ChannelOf(board));
  ExpectNoRpcComesIn(
      grpc::CreateChannel("ipv4:" + root_.tcp_host(), grpc::InsecureChannelCredentials()));
}

TEST_F(AccessTest, ACertificateOfAnotherAuthorityIsRefused) {
  ExpectNoRpcComesIn(ChannelOf(OfAnotherAuthority(root_.Pair(v1::ROLE_ADMIN))));
  EXPECT_THAT(root_.WaitForStranger(), testing::StartsWith("127.0.0.1: TLS failed"))
      << "for the audit log";
}

TEST_F(AccessTest, AnExpiredCertificateIsRefused) {
  v1::PairedBoard board = root_.Pair(v1::ROLE_ADMIN);
  const BoardCredentials credentials = ReadBoardCredentials(root_.access().path()).value();
  const RequestedKey own = MakeCertificateRequest().value();
  board.set_key_pem(own.key);
  const auto valid_until = [&](const char* not_after) {
    board.set_certificate_pem(
        SignClientUntrusted(credentials.authority, own.request, board.client_id(), not_after)
            .value());
    return ChannelOf(board);
  };
  ExpectNoRpcComesIn(valid_until("20200101000000Z"));
  // It is the date alone.
  EXPECT_TRUE(CallOf(valid_until("20990101000000Z"), "/synergy.v1.Device/ListJobs").ok());
}

// The board's own certificate is of the same authority.
TEST_F(AccessTest, TheBoardsCertificateIsNoClients) {
  v1::PairedBoard board = root_.Pair();
  const BoardCredentials credentials = ReadBoardCredentials(root_.access().path()).value();
  board.set_key_pem(credentials.board.key);
  board.set_certificate_pem(credentials.board.certificate);
  ExpectNoRpcComesIn(ChannelOf(board));
}

TEST_F(AccessTest, TheClientRefusesABoardOfAnotherId) {
  v1::PairedBoard board = root_.Pair();
  board.set_board_id("board-2");
  ExpectNoRpcComesIn(ChannelOf(board));
  ASSERT_TRUE(StorePairing(board).ok());  // the host is of board-2, and board-1 answers there
  const absl::Status status = DeviceClient::Connect(root_.tcp_host()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("Another board answers"));
  EXPECT_EQ(root_.asked(), 0);
}

TEST_F(AccessTest, ABoardThatOnlyClaimsAnIdIsNotSpokenTo) {
  v1::PairedBoard board = root_.Pair();
  board.set_authority_pem(MakeAuthority(board.board_id()).value().certificate);
  ASSERT_TRUE(StorePairing(board).ok());
  EXPECT_EQ(DeviceClient::Connect(root_.tcp_host()).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(root_.asked(), 0);
}

TEST_F(AccessTest, AHostThatIsNotPairedIsToldHow) {
  const absl::Status status = DeviceClient::Connect(root_.tcp_host()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(status.ToString(), HasSubstr("synergyd pair"));
}

TEST_F(AccessTest, APairedBoardIsKnownUnderAnotherNameOfItsHost) {
  v1::PairedBoard board = root_.Pair();
  board.set_hosts(0, "tx1.local:7741");
  ASSERT_TRUE(StorePairing(board).ok());
  EXPECT_TRUE(DeviceClient::Connect(root_.tcp_host()).ok());
}

TEST_F(AccessTest, EveryRpcNamesItsRoleAndRefusesThoseBelowIt) {
  ASSERT_GE(Service().method_count(), 19);
  size_t refused = 0;
  for (const v1::Role role : {v1::ROLE_WATCH, v1::ROLE_RUN}) {
    const auto channel = ChannelOf(root_.Pair(role));
    for (int i = 0; i < Service().method_count(); ++i) {
      const google::protobuf::MethodDescriptor& method = *Service().method(i);
      const v1::Role needed = method.options().GetExtension(v1::needs_role);
      EXPECT_NE(needed, v1::ROLE_UNSPECIFIED) << method.name();
      if (needed <= role) continue;
      const grpc::Status status = CallOf(channel, PathOf(method));
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << method.name();
      EXPECT_THAT(status.error_message(), HasSubstr(fmt::format("the role {}", RoleName(needed))));
      ++refused;
    }
  }
  EXPECT_GE(refused, 12u);
  EXPECT_EQ(root_.WaitForRefused(refused).size(), refused) << "for the audit log";
  EXPECT_EQ(root_.asked(), 0);
}

TEST_F(AccessTest, ARevokedClientMayNothing) {
  const v1::PairedBoard board = root_.Pair(v1::ROLE_ADMIN);
  const auto channel = ChannelOf(board);
  ASSERT_TRUE(CallOf(channel, "/synergy.v1.Device/ListJobs").ok());
  ASSERT_TRUE(root_.access().Revoke(board.client_id()).ok());
  root_.TellClients();
  // From the first refusal on all are refused, over the old connection and over a new one.
  while (CallOf(channel, "/synergy.v1.Device/ListJobs").ok()) {
  }
  for (int i = 0; i < Service().method_count(); ++i) {
    EXPECT_EQ(CallOf(channel, PathOf(*Service().method(i))).error_code(),
              grpc::StatusCode::UNAUTHENTICATED)
        << Service().method(i)->name();
  }
  EXPECT_THAT(root_.refused(), testing::Not(testing::Contains("over TLS")));
  ExpectNoRpcComesIn(ChannelOf(board));
  // For the audit log; behind the calls.
  for (size_t i = 1; root_.WaitForRefused(i).back() != "over TLS"; ++i) {
  }
  ASSERT_TRUE(StorePairing(board).ok());
  const absl::Status status = DeviceClient::Connect(root_.tcp_host()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("revoked"));
}

TEST_F(AccessTest, AClientThatCallsWithoutEndIsToldSoAndOthersAreServed) {
  const auto stub = v1::Device::NewStub(ChannelOf(root_.Pair()));
  grpc::Status status;
  for (int i = 0; status.ok() && i < 1'000'000; ++i) {
    grpc::ClientContext context;
    v1::ListJobsResponse jobs;
    status = stub->ListJobs(&context, {}, &jobs);
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("more than 1000 a second"));
  EXPECT_TRUE(HandshakeOf(root_.Pair()).ok());
}

TEST_F(AccessTest, AWatcherThatCallsWithoutEndCostsTheRootSideLittle) {
  const auto stub = v1::Device::NewStub(ChannelOf(root_.Pair(v1::ROLE_WATCH)));
  std::set<std::string> refusals;  // beside its own, that of any client where the machine is slow
  int served = 0;
  for (int i = 0; i < 800; ++i) {
    grpc::ClientContext context;
    v1::ClockState clocks;
    const grpc::Status status = stub->GetClocks(&context, {}, &clocks);
    if (status.ok()) ++served;
    if (status.ok()) continue;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    refusals.insert(status.error_message());
  }
  EXPECT_THAT(refusals,
              testing::Contains(HasSubstr("Too many calls: the role watch may make 50 a second")));
  EXPECT_EQ(root_.asked(), served);
  EXPECT_GE(root_.WaitForRefused(10).size(), 10u) << "for the audit log";
}

TEST_F(AccessTest, RevokingEndsOpenStreamsAndLeavesThoseOfOthers) {
  const v1::PairedBoard board = root_.Pair(), other = root_.Pair();
  root_.SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  v1::FollowJobRequest request;
  request.set_run_id("r");
  struct Follow {
    std::unique_ptr<v1::Device::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::FollowJobResponse>> reader;
  };
  Follow revoked, kept;
  v1::FollowJobResponse item;
  for (auto [follow, of] : {std::pair(&revoked, &board), std::pair(&kept, &other)}) {
    follow->stub = v1::Device::NewStub(ChannelOf(*of));
    for (bool there = false; !there;) {  // the front may not have heard of the job yet
      grpc::ClientContext asking;
      v1::GetJobRequest get;
      get.set_run_id("r");
      v1::JobStatus job;
      there = follow->stub->GetJob(&asking, get, &job).ok();
    }
    follow->reader = follow->stub->FollowJob(&follow->context, request);
    ASSERT_TRUE(follow->reader->Read(&item));
  }
  ASSERT_TRUE(root_.access().Revoke(board.client_id()).ok());
  root_.TellClients();
  while (revoked.reader->Read(&item)) {
  }
  EXPECT_EQ(revoked.reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  root_.SetJob(JobOf("r", v1::JOB_STATE_CANCELLED));
  while (kept.reader->Read(&item)) {
  }
  EXPECT_TRUE(kept.reader->Finish().ok());
}

TEST_F(AccessTest, WatchersGetTheirRateAndNoMore) {
  ASSERT_TRUE(StorePairing(root_.Pair(v1::ROLE_WATCH)).ok());
  const auto client = DeviceClient::Connect(root_.tcp_host()).value();
  const auto nothing = [](const v1::TelemetryPoint&) { return absl::OkStatus(); };
  const absl::Status status = client->Watch(100, nothing);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.ToString(), HasSubstr("the role run"));
  EXPECT_THAT(root_.WaitForRefused(1), testing::ElementsAre("WatchTelemetry"));
}

TEST_F(AccessTest, WatchersSeeNeitherPowerNorIterationBesideAJob) {
  v1::JobStatus job = JobOf("r", v1::JOB_STATE_RUNNING);
  job.set_power_w(5);
  job.set_iteration(7);
  job.set_chunks(9);
  job.set_acknowledged(8);
  root_.SetJob(job);
  for (const v1::Role role : {v1::ROLE_WATCH, v1::ROLE_RUN}) {
    const auto stub = v1::Device::NewStub(ChannelOf(root_.Pair(role)));
    v1::ListJobsResponse all;
    while (all.jobs().empty()) {  // the front may not have heard of the job yet
      grpc::ClientContext context;
      ASSERT_TRUE(stub->ListJobs(&context, {}, &all).ok());
    }
    grpc::ClientContext context;
    v1::GetJobRequest get;
    get.set_run_id("r");
    ASSERT_TRUE(stub->GetJob(&context, get, &job).ok());
    const double power_w = role == v1::ROLE_RUN ? 5 : 0;
    EXPECT_EQ(all.jobs(0).power_w(), power_w);
    EXPECT_EQ(job.power_w(), power_w);
    EXPECT_EQ(all.jobs(0).iteration(), role == v1::ROLE_RUN ? 7u : 0u);
    EXPECT_EQ(job.iteration(), all.jobs(0).iteration());
    EXPECT_EQ(job.chunks(), role == v1::ROLE_RUN ? 9u : 0u) << "how fast they grow tells as much";
    EXPECT_EQ(job.acknowledged(), role == v1::ROLE_RUN ? 8u : 0u);
    EXPECT_EQ(all.jobs(0).chunks(), job.chunks());
  }
}

TEST_F(AccessTest, AnAdminWhoLowersTheWatchersRateEndsThoseAboveIt) {
  const v1::PairedBoard board = root_.Pair(v1::ROLE_WATCH);
  const auto stub = v1::Device::NewStub(ChannelOf(board));
  grpc::ClientContext context;
  v1::WatchTelemetryRequest request;
  request.set_rate_hz(10);
  const auto reader = stub->WatchTelemetry(&context, request);
  v1::TelemetryPoint point;
  // Whenever it begins to watch, a point comes.
  std::jthread writer([this](std::stop_token stop) {
    for (int64_t begin_ns = 0; !stop.stop_requested(); begin_ns += 100'000'000) {
      TelemetryRecord record;
      record.begin_ns = begin_ns;
      record.end_ns = begin_ns + 100'000'000;
      record.rail_count = 2;
      root_.ring().Write(record);
      std::this_thread::yield();
    }
  });
  ASSERT_TRUE(reader->Read(&point));
  writer.request_stop();
  writer.join();
  ASSERT_TRUE(StorePairing(root_.Pair(v1::ROLE_ADMIN)).ok());
  const auto admin = DeviceClient::Connect(root_.tcp_host()).value();
  v1::SetQuotasRequest set;
  set.mutable_set()->set_watch_rate_hz(5);
  EXPECT_EQ(admin->SetQuotas(set).value().limits().watch_rate_hz(), 5);
  while (reader->Read(&point)) {
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("more than 5 Hz"));
}

// The threads are those of all: neither a client nor a user of the Unix socket gets all of them.
class CallShareTest : public AccessTest {
 protected:
  struct Follow {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::FollowJobResponse>> reader;
  };

  // `stubs`: kConnections of one caller, as a connection has 32 streams at most.
  static constexpr size_t kConnections = 3;
  void ExpectAShare(std::vector<std::unique_ptr<v1::Device::Stub>> stubs) {
    root_.SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
    const v1::PairedBoard other = root_.Pair();  // the front hears of it after the job
    ASSERT_TRUE(HandshakeOf(other).ok());
    v1::FollowJobRequest request;
    request.set_run_id("r");
    v1::FollowJobResponse item;
    std::list<Follow> follows;
    for (size_t i = 0; i < ClientTable::kStreams.of_one; ++i) {
      Follow& follow = follows.emplace_back();
      follow.reader = stubs[i % kConnections]->FollowJob(&follow.context, request);
      ASSERT_TRUE(follow.reader->Read(&item)) << i;
    }
    Follow more;
    more.reader = stubs[0]->FollowJob(&more.context, request);
    EXPECT_FALSE(more.reader->Read(&item));
    const grpc::Status status = more.reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), HasSubstr("you make 80 streams already"));
    grpc::ClientContext context;
    v1::ListJobsResponse jobs;
    EXPECT_TRUE(stubs[0]->ListJobs(&context, {}, &jobs).ok()) << "single calls have their own room";
    EXPECT_TRUE(HandshakeOf(other).ok());
    for (Follow& follow : follows) follow.context.TryCancel();
  }
};

TEST_F(CallShareTest, AClientLeavesThreadsToOthers) {
  const v1::PairedBoard board = root_.Pair();
  std::vector<std::unique_ptr<v1::Device::Stub>> stubs;
  for (size_t i = 0; i < kConnections; ++i) {
    stubs.push_back(v1::Device::NewStub(ChannelOf(board)));
  }
  ExpectAShare(std::move(stubs));
}

TEST_F(CallShareTest, OurClientTriesAStreamAgainUntilThereIsRoom) {
  root_.SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  const v1::PairedBoard board = root_.Pair();
  ASSERT_TRUE(StorePairing(board).ok());
  const auto client = DeviceClient::Connect(root_.tcp_host()).value();
  v1::FollowJobRequest request;
  request.set_run_id("r");
  v1::FollowJobResponse item;
  std::list<Follow> follows;
  for (size_t connection = 0; connection < kConnections; ++connection) {
    const auto stub = v1::Device::NewStub(ChannelOf(board));
    for (size_t i = 0; i < 28 && follows.size() < ClientTable::kStreams.of_one; ++i) {
      Follow& follow = follows.emplace_back();
      follow.reader = stub->FollowJob(&follow.context, request);
      ASSERT_TRUE(follow.reader->Read(&item));
    }
  }
  std::stop_source stop;
  std::jthread leaves([&](std::stop_token) {
    root_.WaitForRefused(1);  // our client's
    follows.front().context.TryCancel();
  });
  const DeviceClient::Follower follower{
      .on_chunk = [](const v1::Chunk&) { return absl::OkStatus(); },
      .on_status =
          [&](const v1::JobStatus&) {
            stop.request_stop();
            return absl::OkStatus();
          }};
  EXPECT_EQ(client->Follow("r", 0, follower, stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
  for (Follow& follow : follows) follow.context.TryCancel();
}

// 32 of `synergyctl watch`, two streams each, refused those of others and each acknowledgement.
TEST_F(CallShareTest, ManyWatchesDisturbNeitherJobsNorAdmins) {
  root_.SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  v1::FollowJobRequest request;
  request.set_run_id("r");
  v1::FollowJobResponse item;
  std::list<Follow> follows;
  const auto follow = [&](v1::Device::Stub& stub, int count) {
    for (int i = 0; i < count; ++i) {
      Follow& one = follows.emplace_back();
      one.reader = stub.FollowJob(&one.context, request);
      if (!one.reader->Read(&item)) return one.reader->Finish();
    }
    return grpc::Status::OK;
  };
  for (int watcher = 0; watcher < 4; ++watcher) {
    const auto stub = v1::Device::NewStub(ChannelOf(root_.Pair()));
    ASSERT_TRUE(follow(*stub, 16).ok()) << watcher;
  }
  const auto runs = v1::Device::NewStub(ChannelOf(root_.Pair()));
  EXPECT_TRUE(follow(*runs, 8).ok());
  const auto admin = v1::Device::NewStub(ChannelOf(root_.Pair(v1::ROLE_ADMIN)));
  for (v1::Device::Stub* stub : {runs.get(), admin.get()}) {
    grpc::ClientContext acknowledging, listing;
    v1::AcknowledgeChunksRequest chunks;
    chunks.set_run_id("r");
    v1::AcknowledgeChunksResponse acknowledged;
    const grpc::Status status = stub->AcknowledgeChunks(&acknowledging, chunks, &acknowledged);
    EXPECT_NE(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
    v1::ListJobsResponse jobs;
    EXPECT_TRUE(stub->ListJobs(&listing, {}, &jobs).ok());
  }
  EXPECT_TRUE(follow(*admin, 2).ok());
  for (Follow& each : follows) each.context.TryCancel();
}

TEST_F(CallShareTest, AUserOfTheUnixSocketLeavesThreadsToOthers) {
  std::vector<std::unique_ptr<v1::Device::Stub>> stubs;
  for (size_t i = 0; i < kConnections; ++i) {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stubs.push_back(v1::Device::NewStub(
        grpc::CreateCustomChannel(root_.unix_host(), grpc::InsecureChannelCredentials(), args)));
  }
  ExpectAShare(std::move(stubs));
}

UniqueFd ConnectAs(uid_t uid, const std::string& path) {
  UniqueFd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(seteuid(uid), 0);
  EXPECT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(seteuid(0), 0);
  return connection;
}

// Each has a server, for which gRPC needs a thread: it ended the front where none was left.
TEST_F(CallShareTest, UsersOfTheUnixSocketAreServedWhileOthersMakeAllCalls) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  root_.SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  v1::FollowJobRequest request;
  request.set_run_id("r");
  std::list<Follow> follows;
  for (const v1::PairedBoard& board : {root_.Pair(), root_.Pair()}) {
    for (size_t connection = 0; connection < kConnections; ++connection) {
      const auto stub = v1::Device::NewStub(ChannelOf(board));
      for (int i = 0; i < 28; ++i) {
        Follow& follow = follows.emplace_back();
        follow.reader = stub->FollowJob(&follow.context, request);
        follow.reader->WaitForInitialMetadata();
      }
    }
  }
  const std::string path = root_.unix_host().substr(std::string_view("unix:").size());
  ASSERT_EQ(chmod(root_.folder().path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  for (uid_t uid = 1001; uid < 1016; ++uid) ConnectAs(uid, path);
  const auto client = DeviceClient::Connect(root_.unix_host());
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE((*client)->List().ok());
  for (Follow& follow : follows) follow.context.TryCancel();
}

// A connection that was closed without a word looked like a board that is down.
TEST_F(AccessTest, AUserOfTheUnixSocketTooManyIsToldSo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string path = root_.unix_host().substr(std::string_view("unix:").size());
  ASSERT_EQ(chmod(root_.folder().path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(path.c_str(), 0777), 0);
  const uid_t first = 1001, last = first + UnixServers::kMaxUsers;
  for (uid_t uid = first; uid < last; ++uid) ConnectAs(uid, path);
  for (const uid_t uid : {last, last + 1, first, uid_t{0}}) {
    const auto channel = grpc::CreateInsecureChannelFromFd("board", ConnectAs(uid, path).release());
    grpc::ClientContext context;
    v1::ListJobsResponse jobs;
    const grpc::Status status = v1::Device::NewStub(channel)->ListJobs(&context, {}, &jobs);
    if (uid < last) {
      EXPECT_TRUE(status.ok()) << status.error_message();
    } else {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      EXPECT_THAT(status.error_message(), HasSubstr("serves 16 users"));
    }
  }
}

TEST_F(AccessTest, AnAdminOpensAPairingFromAfar) {
  ASSERT_TRUE(StorePairing(root_.Pair(v1::ROLE_ADMIN)).ok());
  const auto admin = DeviceClient::Connect(root_.tcp_host()).value();
  const v1::OpenPairingResponse pairing = admin->OpenPairing(v1::ROLE_WATCH).value();
  const v1::PairedBoard board = PairWithBoard(pairing.host(), pairing.code(), "me@here").value();
  EXPECT_EQ(board.role(), v1::ROLE_WATCH);
  EXPECT_TRUE(HandshakeOf(board).ok());
}

UniqueFd ConnectRaw(const std::string& host) {
  const absl::StatusOr<HostAddress> address = ParseHost(host);
  return std::move(FindDaemon(*address, Seconds(10)).value().connection);
}

// Who begins to be paired and stops keeps those from being answered who have to ask a board who it
// is: not those that know it.
TEST_F(AccessTest, WhoHoldsUpPairingsDoesNotHoldUpPairedHosts) {
  std::vector<UniqueFd> held;
  for (int i = 0; i < 20; ++i) {
    held.push_back(ConnectRaw(root_.tcp_host()));
    ASSERT_EQ(send(held.back().get(), kPairingPreface.data(), kPairingPreface.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(kPairingPreface.size()));
  }
  ASSERT_TRUE(StorePairing(root_.Pair()).ok());
  EXPECT_TRUE(DeviceClient::Connect(root_.tcp_host()).ok());
}

TEST_F(AccessTest, GarbageIsClosedAndTheFrontServesOn) {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const UniqueFd connection = ConnectRaw(root_.tcp_host());
    std::string bytes(random() % 200, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (i % 3 == 0) bytes.insert(0, "\x16\x03\x01", 3);
    if (i % 3 == 1) bytes.insert(0, kPairingPreface);
    (void)send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Its turn comes behind what is left of the others, later on a busy machine.
  const v1::PairedBoard board = root_.Pair();
  grpc::Status status = HandshakeOf(board);
  for (int i = 0; i < 5 && !status.ok(); ++i) status = HandshakeOf(board);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

}  // namespace
}  // namespace synergy
