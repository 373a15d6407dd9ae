#include "client/net/device_client.h"

#include <grpc/grpc.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "client/net/board_pairing.h"
#include "client/net/device_wire.h"
#include "client/net/host_address.h"
#include "client/net/pairings.h"
#include "client/net/preflight.h"
#include "client/net/silence_guard.h"
#include "common/certificates.h"
#include "common/protocol.h"
#include "common/records/chunk.h"
#include "fmt/format.h"
#include "synergy/v1/device.grpc.pb.h"

namespace synergy {

namespace {

// A list of jobs is the longest answer: some hundred of them, each with a spec of up to 32 KiB.
constexpr int kMaxReceiveBytes = 64 << 20;
// The slowest link that a submission is meant for.
constexpr double kSlowestBytesPerSecond = 1e6;
constexpr Nanoseconds kTlsPatience = Seconds(5);  // of one connection
// Of live power, which comes at a rate: what a busy board or link may hold back.
constexpr Nanoseconds kLeastSilence = Seconds(4);
constexpr int kSilentIntervals = 3;

// Keeps gRPC from shutting down with its last channel: that waits up to 10 s for a poller
// (gRPC 1.51).
void KeepGrpcUp() {
  static const bool kept = (grpc_init(), true);
  (void)kept;
}

// `board`: to speak by over TCP; null: a Unix socket, whose file says who may.
std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target,
                                           const v1::PairedBoard* board) {
  KeepGrpcUp();
  grpc::ChannelArguments args;
  // A connection of its own: a shared one may be that of a front which is dead already.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY,
              0);  // a board in the lab is not behind the office's proxy
  // A board that lost its power does not close its connections: notice within 15 s.
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The front is back within moments when it was restarted.
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name also how long connecting may take, the TLS handshake with it.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
              board == nullptr ? 100 : static_cast<int>(kTlsPatience.count / 1'000'000));
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  if (board == nullptr) {
    args.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "synergyd");
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
  }
  // Who the board is, is in its certificate, wherever it is found; nobody but its own authority is
  // trusted.
  args.SetSslTargetNameOverride(BoardDnsName(board->board_id()));
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = board->authority_pem();
  options.pem_private_key = board->key_pem();
  options.pem_cert_chain = board->certificate_pem();
  return grpc::CreateCustomChannel(target, grpc::SslCredentials(options), args);
}

// The pairing with the board that answers at `connection`.
absl::StatusOr<v1::PairedBoard> PairingFor(const std::vector<v1::PairedBoard>& boards,
                                           const TcpAddress& address, UniqueFd connection,
                                           Nanoseconds patience) {
  const std::string host = HostPort(address);
  const auto board = MeetBoard(std::move(connection), patience);
  if (!board.ok()) {
    return absl::UnavailableError(
        fmt::format("What listens at {} is no synergyd, or one of before TLS, or it hangs: {}",
                    host, std::string(board.status().message())));
  }
  const absl::StatusOr<std::string> id = IdOfCertificate((*board)->peer_certificate(), kBoardUri);
  if (!id.ok()) {
    return absl::UnavailableError(
        fmt::format("What listens at {} is no synergyd: its certificate is no board's", host));
  }
  return FindPairing(boards, host, *id);
}

// gRPC writes to stderr what goes wrong in a handshake, in OpenSSL's words. What that means for the
// user stands in the status; GRPC_VERBOSITY shows the rest.
void KeepGrpcQuiet() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
}

// The first call over TLS, which fails at once where the handshake does; DeadlineExceeded where
// that has taken too long.
absl::StatusOr<v1::HandshakeResponse> ShakeHands(v1::Device::Stub& stub, std::string_view host,
                                                 Nanoseconds patience,
                                                 const v1::HandshakeRequest& request) {
  const MonotonicTime begin = RealClock().Now();
  v1::HandshakeResponse response;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    SetDeadline(&context, patience);
    return stub.Handshake(&context, request, &response);
  });
  if (status.ok()) return response;
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return FromGrpc(status, host);
  if (RealClock().Now() - begin > kTlsPatience - Milliseconds(100)) {
    return absl::DeadlineExceededError(fmt::format(
        "synergyd at {} has not finished TLS within {:g} s: it is overloaded, or the network loses "
        "what is sent; try again",
        host, kTlsPatience.seconds()));
  }
  return absl::UnavailableError(
      fmt::format("synergyd at {} does not take this host's certificate, or is not the board that "
                  "it claims to be, or goes down; where it stays so, pair again",
                  host));
}

absl::Status TakeChunks(const std::string& run_id, const DeviceClient::Follower& follower,
                        v1::FollowJobResponse* response, uint64_t* next_seq) {
  for (v1::Chunk& chunk : *response->mutable_chunks()) {
    if (absl::Status status = VerifyChunkUntrusted(chunk); !status.ok()) return status;
    if (chunk.seq() != *next_seq) {
      return absl::DataLossError(fmt::format(
          "The chunks of run {} have a hole: expected {}, got {}", run_id, *next_seq, chunk.seq()));
    }
    if (absl::Status status = follower.on_chunk(std::move(chunk)); !status.ok()) return status;
    ++*next_seq;
  }
  return absl::OkStatus();
}

}  // namespace

DeviceClient::DeviceClient(std::string host, std::unique_ptr<Wire> wire)
    : host_(std::move(host)), wire_(std::move(wire)) {}
DeviceClient::~DeviceClient() = default;

// One packet that is lost in the wrong place costs a connection more than its patience: a second
// one is made.
absl::StatusOr<std::unique_ptr<DeviceClient>> DeviceClient::Connect(std::string_view host,
                                                                    Nanoseconds patience) {
  auto client = ConnectOnce(host, patience);
  if (absl::IsDeadlineExceeded(client.status())) client = ConnectOnce(host, patience);
  if (!absl::IsDeadlineExceeded(client.status())) return client;
  return absl::UnavailableError(client.status().message());
}

absl::StatusOr<std::unique_ptr<DeviceClient>> DeviceClient::ConnectOnce(std::string_view host,
                                                                        Nanoseconds patience) {
  absl::StatusOr<HostAddress> address = ParseHost(host);
  if (!address.ok()) return address.status();
  absl::StatusOr<FoundDaemon> found = FindDaemon(*address, patience);
  if (!found.ok()) return found.status();
  const auto* tcp = std::get_if<TcpAddress>(&*address);
  if (tcp == nullptr) return Open(host, found->target, nullptr, patience);

  KeepGrpcQuiet();
  const absl::StatusOr<std::vector<v1::PairedBoard>> boards = ReadPairings();
  if (!boards.ok()) return boards.status();
  const v1::PairedBoard* known = PairingNamed(*boards, HostPort(*tcp));
  absl::Status failed;
  if (known != nullptr) {
    auto client = Open(host, found->target, known, patience);
    if (!absl::IsUnavailable(client.status())) return client;
    failed = client.status();
  }
  // Another board may answer there, or one that is known by another name.
  const absl::StatusOr<v1::PairedBoard> board =
      PairingFor(*boards, *tcp, std::move(found->connection), patience);
  if (!board.ok()) return board.status();
  if (known == nullptr) {
    auto client = Open(host, found->target, &*board, patience);
    if (!absl::IsUnavailable(client.status())) return client;
    failed = client.status();
  }
  const absl::Status kept = CheckTurnedAway(*tcp, *board, patience);
  return kept.ok() ? failed : kept;
}

absl::StatusOr<std::unique_ptr<DeviceClient>> DeviceClient::Open(std::string_view host,
                                                                 const std::string& target,
                                                                 const v1::PairedBoard* board,
                                                                 Nanoseconds patience) {
  auto wire = std::make_unique<Wire>();
  wire->channel = OpenChannel(target, board);
  wire->stub = v1::Device::NewStub(wire->channel);
  std::unique_ptr<DeviceClient> client(new DeviceClient(std::string(host), std::move(wire)));
  v1::HandshakeRequest request;
  request.set_oldest_protocol(kProtocols.oldest);
  request.set_newest_protocol(kProtocols.newest);
  request.set_client_version(SYNERGY_VERSION);
  absl::StatusOr<v1::HandshakeResponse> response =
      board != nullptr
          ? ShakeHands(*client->wire_->stub, host, patience, request)
          : Call(*client->wire_->stub, host, patience, &v1::Device::Stub::Handshake, request);
  if (!response.ok()) return response.status();
  client->peer_ = *std::move(response);
  client->paired_ = board != nullptr;
  if (board != nullptr && client->role() == v1::ROLE_UNSPECIFIED) {
    client->peer_.set_role(board->role());
  }
  return client;
}

absl::StatusOr<v1::BoardInfo> DeviceClient::DescribeBoard(const std::string& engine) {
  v1::DescribeBoardRequest request;
  request.set_engine(engine);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::DescribeBoard, request);
}

absl::StatusOr<std::vector<v1::JobStatus>> DeviceClient::List() {
  absl::StatusOr<v1::ListJobsResponse> response =
      Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::ListJobs, v1::ListJobsRequest());
  if (!response.ok()) return response.status();
  return std::vector<v1::JobStatus>(response->jobs().begin(), response->jobs().end());
}

absl::StatusOr<v1::JobStatus> DeviceClient::Get(const std::string& run_id) {
  v1::GetJobRequest request;
  request.set_run_id(run_id);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::GetJob, request);
}

absl::StatusOr<v1::JobStatus> DeviceClient::Cancel(const std::string& run_id) {
  v1::CancelJobRequest request;
  request.set_run_id(run_id);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::CancelJob, request);
}

absl::Status DeviceClient::Acknowledge(const std::string& run_id, uint64_t next_seq) {
  v1::AcknowledgeChunksRequest request;
  request.set_run_id(run_id);
  request.set_next_seq(next_seq);
  return Call(*wire_->stub, host_, kUnaryPatience, &v1::Device::Stub::AcknowledgeChunks, request)
      .status();
}

absl::StatusOr<v1::OpenPairingResponse> DeviceClient::OpenPairing(v1::Role role) {
  v1::OpenPairingRequest request;
  request.set_role(role);
  // Not Call, which may ask twice: a second pairing ends the first.
  grpc::ClientContext context;
  SetDeadline(&context, kUnaryPatience);
  v1::OpenPairingResponse response;
  const grpc::Status status = wire_->stub->OpenPairing(&context, request, &response);
  if (!status.ok()) return FromGrpc(status, host_);
  return response;
}

absl::StatusOr<v1::JobStatus> DeviceClient::Submit(const v1::JobSpec& spec,
                                                   std::string_view predict_net,
                                                   std::string_view init_net) {
  const size_t bytes = predict_net.size() + init_net.size();
  v1::JobStatus job;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    SetDeadline(&context, Seconds(30 + static_cast<double>(bytes) / kSlowestBytesPerSecond));
    const auto writer = wire_->stub->SubmitJob(&context, &job);
    v1::SubmitJobRequest request;
    *request.mutable_spec() = spec;
    request.set_predict_net_bytes(predict_net.size());
    request.set_init_net_bytes(init_net.size());
    // A failed Write means that the daemon has answered already: Finish says what.
    bool open = writer->Write(request);
    request.Clear();
    for (size_t at = 0; open && at < predict_net.size(); at += kMessagePartBytes) {
      request.set_predict_net(std::string(predict_net.substr(at, kMessagePartBytes)));
      open = writer->Write(request);
    }
    for (size_t at = 0; open && at < init_net.size(); at += kMessagePartBytes) {
      request.set_init_net(std::string(init_net.substr(at, kMessagePartBytes)));
      open = writer->Write(request);
    }
    writer->WritesDone();
    return writer->Finish();
  });
  if (!status.ok()) return FromGrpc(status, host_);
  return job;
}

absl::StatusOr<v1::JobStatus> DeviceClient::Follow(const std::string& run_id, uint64_t from_seq,
                                                   const Follower& follower, std::stop_token stop) {
  v1::FollowJobRequest request;
  request.set_run_id(run_id);
  request.set_from_seq(from_seq);
  request.set_pause_ms(static_cast<uint32_t>(follower.pause.count / Milliseconds(1).count));
  v1::JobStatus last;
  uint64_t next_seq = from_seq;
  absl::Status ours;  // the first thing that this side did not like
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    std::stop_callback canceller(stop, [&context] { context.TryCancel(); });
    const auto reader = wire_->stub->FollowJob(&context, request);
    v1::FollowJobResponse response;
    while (ours.ok() && reader->Read(&response)) {
      ours = TakeChunks(run_id, follower, &response, &next_seq);
      if (ours.ok() && response.has_status()) {
        last = response.status();
        ours = follower.on_status(last);
      }
    }
    if (!ours.ok()) context.TryCancel();
    return reader->Finish();
  });
  if (!ours.ok()) return ours;
  if (stop.stop_requested() && !status.ok()) return Stopped("Following the run");
  if (!status.ok()) return FromGrpc(status, host_);
  if (last.run_id().empty()) {
    return absl::InternalError(fmt::format("{} ended run {} without a status", host_, run_id));
  }
  return last;
}

absl::StatusOr<v1::RunTruth> DeviceClient::Truth(const std::string& run_id) {
  v1::GetTruthRequest request;
  request.set_run_id(run_id);
  std::string bytes;
  bool too_long = false;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    const auto reader = wire_->stub->GetTruth(&context, request);
    v1::TruthPart part;
    while (!too_long && reader->Read(&part)) {
      too_long = bytes.size() + part.data().size() > kMaxNetBytes;
      if (!too_long) bytes += part.data();
    }
    if (too_long) context.TryCancel();
    return reader->Finish();
  });
  if (!too_long && !status.ok()) return FromGrpc(status, host_);
  v1::RunTruth truth;
  if (too_long || !truth.ParseFromString(bytes)) {
    return absl::DataLossError(fmt::format("The truth of run {} on {} is damaged", run_id, host_));
  }
  return truth;
}

absl::Status DeviceClient::Watch(
    double rate_hz, const std::function<absl::Status(const v1::TelemetryPoint&)>& on_point,
    std::stop_token stop) {
  grpc::ClientContext context;
  std::stop_callback canceller(stop, [&context] { context.TryCancel(); });
  v1::WatchTelemetryRequest request;
  request.set_rate_hz(rate_hz);
  const auto reader = wire_->stub->WatchTelemetry(&context, request);
  const Nanoseconds patience =
      std::max(kLeastSilence, Nanoseconds{static_cast<int64_t>(kSilentIntervals / rate_hz * 1e9)});
  SilenceGuard guard(patience, [&context] { context.TryCancel(); });
  v1::TelemetryPoint point;
  absl::Status ours;
  while (ours.ok() && reader->Read(&point)) {
    const SilenceGuard::Taking taking(guard);
    ours = on_point(point);
  }
  if (!ours.ok()) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!ours.ok()) return ours;
  if (stop.stop_requested()) return Stopped("Watching");
  if (guard.silent()) {
    return absl::UnavailableError(
        fmt::format("nothing came from {} for {:g} s: its connection is there, but it or the "
                    "network is silent",
                    host_, patience.seconds()));
  }
  return FromGrpc(status, host_);
}

}  // namespace synergy
