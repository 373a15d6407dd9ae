// The front and the client together, over a real Unix socket and over TCP, with a fake root side.
#include "daemon/front/front_server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "absl/synchronization/notification.h"
#include "client/net/device_client.h"
#include "common/protocol.h"
#include "common/records/chunk.h"
#include "synergy/v1/device.grpc.pb.h"
#include "tests/daemon/front/front_fixture.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

// Follows a run and keeps what comes.
struct Followed {
  DeviceClient::Follower Sink() {
    return {.on_chunk =
                [this](v1::Chunk chunk) {
                  chunks.push_back(std::move(chunk));
                  return on_chunk ? on_chunk(chunks.back()) : absl::OkStatus();
                },
            .on_status =
                [this](const v1::JobStatus& status) {
                  statuses.push_back(status);
                  return on_status ? on_status(status) : absl::OkStatus();
                }};
  }
  std::vector<v1::Chunk> chunks;
  std::vector<v1::JobStatus> statuses;
  std::function<absl::Status(const v1::Chunk&)> on_chunk;
  std::function<absl::Status(const v1::JobStatus&)> on_status;
};

class FrontServerTest : public FrontTest {
 protected:
  // Sets a job and waits until the front knows it.
  void SetJob(const v1::JobStatus& job) {
    root_.SetJob(job);
    for (;;) {
      absl::StatusOr<v1::JobStatus> known = client_->Get(job.run_id());
      if (known.ok() && known->SerializeAsString() == job.SerializeAsString()) return;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Over, FrontServerTest, testing::Values(Transport::kUnix, Transport::kTcp),
                         TransportName);

TEST_P(FrontServerTest, AgreesOnAVersionAndDescribesTheBoard) {
  EXPECT_EQ(client_->peer().protocol(), kProtocols.newest);
  EXPECT_EQ(client_->peer().daemon_version(), "0.1.0");
  EXPECT_EQ(client_->peer().board_id(), "board-1");
  EXPECT_EQ(client_->DescribeBoard()->name(), "sim:test");
}

// Engines come and go while the daemon runs.
TEST_P(FrontServerTest, DescribesTheEnginesThatThereAreNow) {
  EXPECT_EQ(client_->DescribeBoard()->engine_details_size(), 0);
  v1::EngineInfo fine, gone;
  fine.set_name("fine");
  gone.set_name("gone");
  gone.set_unusable("its program was removed");
  root_.SetEngines({fine, gone});
  const v1::BoardInfo board = client_->DescribeBoard("gone").value();
  ASSERT_EQ(board.engines_size(), 1);
  EXPECT_EQ(board.engines(0), "fine");
  ASSERT_EQ(board.engine_details_size(), 2);
  EXPECT_EQ(board.engine_details(1).unusable(), "its program was removed");
  EXPECT_EQ(root_.wanted_engine(), "gone");
}

TEST_P(FrontServerTest, DescribesTheBoardsSourcesAsTheyAreNow) {
  EXPECT_EQ(client_->DescribeBoard()->sources_size(), 0);
  v1::SourceInfo gauge;
  gauge.set_name("gauge");
  gauge.add_remarks("it updates once a second");
  root_.SetSources({gauge});
  const v1::BoardInfo board = client_->DescribeBoard().value();
  ASSERT_EQ(board.sources_size(), 1);
  EXPECT_EQ(board.sources(0).remarks(0), "it updates once a second");
  EXPECT_EQ(board.board_id(), "board-1") << "and all else as before";
}

TEST_P(FrontServerTest, SaysWhatWhoAsksMayDo) {
  EXPECT_EQ(client_->role(), client_->paired() ? v1::ROLE_RUN : v1::ROLE_ADMIN);
}

TEST_P(FrontServerTest, RefusesAnotherVersionWithTheSideToUpgrade) {
  v1::HandshakeRequest request;
  request.set_oldest_protocol(kProtocols.newest + 1);
  request.set_newest_protocol(kProtocols.newest + 2);
  request.set_client_version("9.9.9");
  grpc::ClientContext context;
  v1::HandshakeResponse response;
  const grpc::Status status = RawStub()->Handshake(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("upgrade synergyd on the board"));
  EXPECT_THAT(status.error_message(), HasSubstr("9.9.9"));
}

TEST_P(FrontServerTest, NetsOfTenMegabytesArriveAsTheyWereSent) {
  std::string predict(10'000'000, '\0'), init(10'000'001, '\0');
  for (size_t i = 0; i < predict.size(); ++i) predict[i] = static_cast<char>(i * 7 + i / 1000);
  for (size_t i = 0; i < init.size(); ++i) init[i] = static_cast<char>(i * 11 + i / 777);
  v1::JobSpec spec;
  spec.set_net_name("resnet50");
  spec.set_engine("caffe2-eigen");
  absl::StatusOr<v1::JobStatus> job = client_->Submit(spec, predict, init);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->run_id(), "r1");
  EXPECT_EQ(job->state(), v1::JOB_STATE_QUEUED);
  const auto submissions = root_.WaitForSubmissions(1);
  EXPECT_EQ(submissions[0].spec.net_name(), "resnet50");
  EXPECT_TRUE(submissions[0].predict_net == predict);
  EXPECT_TRUE(submissions[0].init_net == init);
  EXPECT_EQ(client_->Get("r1")->spec().engine(), "caffe2-eigen");
}

TEST_P(FrontServerTest, ASubmissionWithoutAPredictNetIsInvalid) {
  EXPECT_EQ(client_->Submit({}, "", "init").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(FrontServerTest, ASpecBeyondTheLimitIsRefused) {
  v1::JobSpec spec;
  spec.set_net_name(std::string(kMaxSpecBytes, 'x'));
  EXPECT_EQ(client_->Submit(spec, "net", "").status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(FrontServerTest, ASubmissionThatIsCutOffIsNotQueued) {
  grpc::ClientContext context;
  v1::JobStatus job;
  const auto stub = RawStub();
  const auto writer = stub->SubmitJob(&context, &job);
  v1::SubmitJobRequest request;
  request.mutable_spec()->set_net_name("cut");
  request.set_predict_net_bytes(10);
  ASSERT_TRUE(writer->Write(request));
  request.set_predict_net("half");
  ASSERT_TRUE(writer->Write(request));
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("4 of 10 bytes"));
  ASSERT_TRUE(client_->Submit({}, "whole", "").ok());
  EXPECT_EQ(root_.WaitForSubmissions(1)[0].predict_net, "whole");
}

grpc::Status SubmitRaw(v1::Device::Stub& stub, const v1::SubmitJobRequest& first,
                       const v1::SubmitJobRequest& second) {
  grpc::ClientContext context;
  v1::JobStatus job;
  const auto writer = stub.SubmitJob(&context, &job);
  if (writer->Write(first)) writer->Write(second);
  writer->WritesDone();
  return writer->Finish();
}

TEST_P(FrontServerTest, ASubmissionOutOfOrderIsInvalid) {
  v1::SubmitJobRequest spec, part;
  spec.mutable_spec()->set_net_name("a");
  spec.set_predict_net_bytes(3);
  part.set_predict_net("abc");
  EXPECT_EQ(SubmitRaw(*RawStub(), part, spec).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SubmitRaw(*RawStub(), spec, spec).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(FrontServerTest, NetsAndMessagesBeyondTheLimitsAreRefused) {
  v1::SubmitJobRequest spec, part;
  spec.mutable_spec()->set_net_name("a");
  spec.set_predict_net_bytes(kMaxNetBytes + 1);
  EXPECT_EQ(SubmitRaw(*RawStub(), spec, part).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  spec.set_predict_net_bytes(5 << 20);
  part.set_predict_net(std::string(5 << 20, 'x'));  // in one message
  EXPECT_EQ(SubmitRaw(*RawStub(), spec, part).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(client_->DescribeBoard().ok());
}

TEST_P(FrontServerTest, ListsGetsAndCancelsJobs) {
  SetJob(JobOf("b", v1::JOB_STATE_RUNNING));
  SetJob(JobOf("a", v1::JOB_STATE_QUEUED));
  const absl::StatusOr<std::vector<v1::JobStatus>> jobs = client_->List();
  ASSERT_TRUE(jobs.ok());
  ASSERT_THAT(*jobs, SizeIs(2));
  EXPECT_EQ((*jobs)[0].run_id(), "b");
  EXPECT_EQ((*jobs)[1].run_id(), "a");
  EXPECT_EQ(client_->Cancel("a")->state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(client_->Cancel("x").status().code(), absl::StatusCode::kNotFound);
  const absl::Status gone = client_->Get("x").status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(gone.ToString(), HasSubstr("it was evicted")) << "synergyd knows what became of it";
}

TEST_P(FrontServerTest, FollowsAnEndedRunFromAnySeq) {
  root_.AppendChunks("r", 20);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 20));
  for (const uint64_t from : {0u, 7u, 20u}) {
    Followed got;
    absl::StatusOr<v1::JobStatus> last = client_->Follow("r", from, got.Sink());
    ASSERT_TRUE(last.ok()) << last.status();
    EXPECT_EQ(last->state(), v1::JOB_STATE_DONE);
    ASSERT_EQ(got.chunks.size(), 20 - from);
    for (size_t i = 0; i < got.chunks.size(); ++i) EXPECT_EQ(got.chunks[i].seq(), from + i);
  }
}

TEST_P(FrontServerTest, AChunkOfTheLargestSizePasses) {
  root_.AppendChunks("r", 1, kMaxChunkDataBytes);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 1));
  Followed got;
  ASSERT_TRUE(client_->Follow("r", 0, got.Sink()).ok());
  ASSERT_THAT(got.chunks, SizeIs(1));
  EXPECT_EQ(got.chunks[0].data().size(), kMaxChunkDataBytes);
}

TEST_P(FrontServerTest, TailsARunningJobAndResumesInItsMiddle) {
  root_.AppendChunks("r", 2);
  SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  Followed first;  // each chunk that arrives makes the next one, until the client has enough
  first.on_chunk = [&](const v1::Chunk& chunk) {
    if (chunk.seq() >= 1) root_.AppendChunks("r", 1);
    return chunk.seq() == 6 ? absl::AbortedError("enough") : absl::OkStatus();
  };
  EXPECT_EQ(client_->Follow("r", 0, first.Sink()).status(), absl::AbortedError("enough"));
  ASSERT_THAT(first.chunks, SizeIs(7));

  Followed second;
  second.on_chunk = [&](const v1::Chunk& chunk) {
    if (chunk.seq() == 7) {
      root_.AppendChunks("r", 2);
      root_.SetJob(JobOf("r", v1::JOB_STATE_DONE, 10));
    }
    return absl::OkStatus();
  };
  absl::StatusOr<v1::JobStatus> last = client_->Follow("r", 7, second.Sink());
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->chunks(), 10u);
  ASSERT_THAT(second.chunks, SizeIs(3));
  EXPECT_EQ(second.chunks[0].seq(), 7u);
  EXPECT_EQ(second.statuses.back().state(), v1::JOB_STATE_DONE);
}

TEST_P(FrontServerTest, SeveralClientsFollowTheSameRun) {
  root_.AppendChunks("r", 50, 20'000);
  SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  std::vector<Followed> got(4);
  {
    std::vector<std::jthread> threads;
    for (Followed& followed : got) {
      threads.emplace_back([&] { EXPECT_TRUE(client_->Follow("r", 0, followed.Sink()).ok()); });
    }
    root_.AppendChunks("r", 50, 20'000);
    root_.SetJob(JobOf("r", v1::JOB_STATE_DONE, 100));
  }
  for (const Followed& followed : got) EXPECT_THAT(followed.chunks, SizeIs(100));
  // gRPC's shutdown with its last user waited 10 s for a poller that these calls had left behind.
  const auto begin = std::chrono::steady_clock::now();
  client_.reset();
  front_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_P(FrontServerTest, AStopFromAnotherThreadEndsFollowingAndWatching) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  std::stop_source stop;
  Followed got;
  got.on_status = [&](const v1::JobStatus&) {
    std::thread([&] { stop.request_stop(); }).join();
    return absl::OkStatus();
  };
  EXPECT_EQ(client_->Follow("r", 0, got.Sink(), stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(
      client_
          ->Watch(
              10, [](const v1::TelemetryPoint&) { return absl::OkStatus(); }, stop.get_token())
          .code(),
      absl::StatusCode::kCancelled);
}

TEST_P(FrontServerTest, AnUnknownRunIsNotFoundAndASeqBeyondTheEndOutOfRange) {
  Followed got;
  const absl::Status gone = client_->Follow("x", 0, got.Sink()).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(gone.ToString(), HasSubstr("it was evicted")) << "synergyd knows what became of it";
  root_.AppendChunks("r", 2);
  SetJob(JobOf("r", v1::JOB_STATE_DONE, 2));
  EXPECT_EQ(client_->Follow("r", 3, got.Sink()).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_P(FrontServerTest, AcknowledgementsReachTheRootSide) {
  EXPECT_TRUE(client_->Acknowledge("r", 17).ok());
  EXPECT_EQ(root_.acknowledged().at("r"), 17u);
}

TEST_P(FrontServerTest, TheTruthComesWholeHoweverLarge) {
  v1::RunTruth truth;
  truth.set_run_id("r");
  truth.add_rails("VDD_IN");
  for (uint32_t i = 0; i < 60'000; ++i) {
    v1::OperatorTruth* op = truth.add_operators();
    op->set_op(i % 66);
    op->set_iteration(i / 66);
    op->set_begin_ns(1'000'000'000'000 + i);
    op->add_energy_j(0.001 * i);
  }
  ASSERT_GT(truth.ByteSizeLong(), 1u << 20);
  root_.WriteTruth("r", truth);
  absl::StatusOr<v1::RunTruth> got = client_->Truth("r");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->SerializeAsString() == truth.SerializeAsString());
  EXPECT_EQ(client_->Truth("x").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(FrontServerTest, TheStandardHealthServiceSaysServingOverTheUnixSocketAlone) {
  grpc::GenericStub stub(RawChannel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::ByteBuffer empty_request;
  grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing,
                                 1);  // HealthCheckRequest without a service: the server's
  grpc::ByteBuffer response;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  if (GetParam() == Transport::kTcp) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    return;
  }
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::Slice bytes;
  ASSERT_TRUE(response.DumpToSingleSlice(&bytes).ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size()),
            "\x08\x01");  // HealthCheckResponse { status: SERVING }
}

TEST_P(FrontServerTest, OpenStreamsEndWithTheFrontAndSoDoesTheFront) {
  SetJob(JobOf("r", v1::JOB_STATE_RUNNING));
  absl::Notification following;
  absl::Status follow, watch;
  Followed got;
  got.on_status = [&](const v1::JobStatus&) {
    following.Notify();
    return absl::OkStatus();
  };
  std::jthread follower([&] { follow = client_->Follow("r", 0, got.Sink()).status(); });
  std::jthread watcher([&] {
    watch = client_->Watch(10, [](const v1::TelemetryPoint&) { return absl::OkStatus(); });
  });
  // A reader that never reads, and a submission that never goes on.
  const auto stub = RawStub();
  grpc::ClientContext stuck_context, silent_context;
  v1::FollowJobRequest request;
  request.set_run_id("r");
  const auto stuck = stub->FollowJob(&stuck_context, request);
  v1::JobStatus job;
  const auto silent = stub->SubmitJob(&silent_context, &job);
  following.WaitForNotification();
  root_.AppendChunks("r", 100, 100'000);

  const auto begin = std::chrono::steady_clock::now();
  front_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1500));
  follower.join();
  watcher.join();
  EXPECT_EQ(follow.code(), absl::StatusCode::kUnavailable) << follow;
  EXPECT_EQ(watch.code(), absl::StatusCode::kUnavailable) << watch;
}

TEST_P(FrontServerTest, TheClientReconnectsByItselfToANewFront) {
  front_.reset();
  std::unique_ptr<DeviceClient> old = std::move(client_);
  StartFront();
  absl::StatusOr<v1::BoardInfo> board = old->DescribeBoard();
  EXPECT_TRUE(board.ok()) << board.status();
}

TEST_P(FrontServerTest, CallsBeyondTheLimitAreRefusedAndTheOthersGoOn) {
  SetJob(JobOf("r", v1::JOB_STATE_QUEUED));
  v1::FollowJobRequest request;
  request.set_run_id("r");
  struct Call {
    std::unique_ptr<v1::Device::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::FollowJobResponse>> reader;
  };
  std::vector<std::unique_ptr<Call>> calls;
  int served = 0, refused = 0;
  for (int i = 0; i < 100; ++i) {
    auto call = std::make_unique<Call>();
    call->stub = RawStub();
    call->reader = call->stub->FollowJob(&call->context, request);
    v1::FollowJobResponse item;
    if (call->reader->Read(&item)) {
      ++served;
      calls.push_back(std::move(call));
    } else {
      EXPECT_EQ(call->reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      ++refused;
    }
  }
  EXPECT_GE(served, 32);
  EXPECT_GE(refused, 10);
  for (const auto& call : calls) call->context.TryCancel();
  for (const auto& call : calls) call->reader->Finish();
  calls.clear();
  // Its threads come free as the cancellations are seen.
  absl::StatusOr<v1::BoardInfo> board = client_->DescribeBoard();
  while (absl::IsResourceExhausted(board.status())) board = client_->DescribeBoard();
  EXPECT_TRUE(board.ok()) << board.status();
}

}  // namespace
}  // namespace synergy
