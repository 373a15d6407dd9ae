#include "tests/daemon/front/fake_root.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>

#include "common/certificates.h"
#include "common/files.h"
#include "common/pairing_code.h"
#include "fmt/format.h"

namespace synergy {
namespace {

UniqueFd ListenAt(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  memcpy(name.sun_path, path.c_str(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0) << strerror(errno);
  EXPECT_EQ(listen(fd.get(), 64), 0);
  return fd;
}

UniqueFd ListenAtLoopback(uint16_t* port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  EXPECT_EQ(listen(fd.get(), 64), 0);
  socklen_t size = sizeof(name);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  *port = ntohs(name.sin_port);
  return fd;
}

std::string ContentOf(int fd) {
  struct stat info {};
  EXPECT_EQ(fstat(fd, &info), 0);
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), info.st_size);
  return bytes;
}

v1::ControlEvent NewsOf(const v1::JobStatus& job) {
  v1::ControlEvent event;
  *event.mutable_job() = job;
  return event;
}

void Fail(absl::StatusCode code, std::string text, v1::ControlEvent* event) {
  event->set_code(static_cast<uint32_t>(code));
  event->set_text(std::move(text));
}

void SetObject(const absl::StatusOr<ObjectState>& state, v1::ControlEvent* event) {
  if (!state.ok()) {
    return Fail(state.status().code(), std::string(state.status().message()), event);
  }
  event->mutable_object()->set_complete(state->complete);
  event->mutable_object()->set_bytes(state->bytes);
  event->mutable_object()->set_store_bytes(state->store_bytes);
  event->mutable_object()->set_store_quota_bytes(state->store_quota_bytes);
  event->mutable_object()->set_damaged(state->damaged);
}

}  // namespace

FakeRoot::FakeRoot(v1::BoardInfo board, const std::vector<std::string>& rails)
    : board_(std::move(board)), eventfd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  std::signal(SIGPIPE, SIG_IGN);  // as synergyctl and the front do
  {
    absl::MutexLock lock(&mutex_);
    quotas_.set_watch_rate_hz(10);
  }
  EXPECT_TRUE(MakeFolder(folder_.File("state"), 0700).ok());
  access_ = AccessFolder::Open(folder_.File("state"), [this] {
              return BootTime{.boot_id = "boot", .ns = boot_ns_};
            }).value();
  credentials_ = MakeBoardCredentials(access_->path(), board_.board_id()).value();
  uint16_t port = 0;
  unix_host_ = "unix:" + folder_.File("d.sock");
  listeners_.push_back(ListenAt(folder_.File("d.sock")));
  listeners_.push_back(ListenAtLoopback(&port));
  tcp_host_ = fmt::format("127.0.0.1:{}", port);
  absl::StatusOr<TelemetryRingWriter> ring = TelemetryRingWriter::Create(rails);
  EXPECT_TRUE(ring.ok()) << ring.status();
  ring_.emplace(*std::move(ring));
  auto objects =
      ObjectStore::Open(objects_folder(), {.quota_bytes = 0, .min_free_bytes = 0, .boot_id = ""});
  EXPECT_TRUE(objects.ok()) << objects.status();
  objects_ = *std::move(objects);
}

FakeRoot::~FakeRoot() { CutFront(); }

UniqueFd FakeRoot::StartFront() {
  CutFront();
  auto pair = ControlChannel::Pair();
  EXPECT_TRUE(pair.ok()) << pair.status();
  channel_ = std::make_unique<ControlChannel>(std::move(pair->first));
  v1::ControlEvent start;
  *start.mutable_start()->mutable_board() = board_;
  start.mutable_start()->set_owner_uid(geteuid());
  v1::TlsIdentity& tls = *start.mutable_start()->mutable_tls();
  tls.set_key_pem(credentials_.board.key);
  tls.set_certificate_pem(credentials_.board.certificate);
  tls.set_authority_pem(credentials_.authority.certificate);
  for (const std::string& host : {unix_host_, tcp_host_}) {
    start.mutable_start()->add_listeners()->set_address(host);
  }
  const int fds[] = {ring_->fd(), eventfd_.get(), listeners_[0].get(), listeners_[1].get()};
  EXPECT_TRUE(channel_->Send(start, fds).ok());
  {
    absl::MutexLock lock(&mutex_);
    for (const v1::JobStatus& job : jobs_) EXPECT_TRUE(channel_->Send(NewsOf(job)).ok());
    EXPECT_TRUE(channel_->Send(QuotasNow()).ok());
    EXPECT_TRUE(channel_->Send(ClientsNow()).ok());
  }
  thread_ = std::jthread([this] { Serve(channel_.get()); });
  return std::move(pair->second);
}

void FakeRoot::CutFront() {
  if (channel_) channel_->Shutdown();
  if (thread_.joinable()) thread_.join();
  absl::MutexLock lock(&mutex_);
  channel_.reset();
}

v1::ControlEvent FakeRoot::ClientsNow() const {
  v1::ControlEvent event;
  const v1::ClientBook book = access_->clients();
  for (const v1::ClientRecord& client : book.clients()) {
    if (!client.revoked()) *event.mutable_clients()->add_clients() = client;
  }
  event.mutable_clients();
  return event;
}

v1::ControlEvent FakeRoot::QuotasNow() const {
  v1::ControlEvent event;
  *event.mutable_quotas() = quotas_;
  return event;
}

void FakeRoot::TellClients() {
  absl::MutexLock lock(&mutex_);
  if (channel_) {
    EXPECT_TRUE(channel_->Send(ClientsNow()).ok());
  }
}

v1::PairedBoard FakeRoot::Pair(v1::Role role) {
  const std::string code = access_->OpenPairing(role).value();
  const RequestedKey own = MakeCertificateRequest().value();
  v1::PairRequest request;
  request.set_secret(ParsePairingCode(code).value().secret);
  request.set_certificate_request_pem(own.request);
  request.set_client_name("test");
  const v1::PairResponse response = access_->PairUntrusted(request).value();
  v1::PairedBoard board;
  board.set_board_id(response.board_id());
  board.add_hosts(tcp_host_);
  board.set_client_id(response.client_id());
  board.set_role(role);
  board.set_key_pem(own.key);
  board.set_certificate_pem(response.certificate_pem());
  board.set_authority_pem(response.authority_pem());
  TellClients();
  return board;
}

void FakeRoot::SendRaw(const std::string& packet) {
  EXPECT_EQ(send(channel_->fd(), packet.data(), packet.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(packet.size()));
}

std::vector<std::string> FakeRoot::refused() const {
  absl::MutexLock lock(&mutex_);
  return refused_;
}

void FakeRoot::SetJob(const v1::JobStatus& job) {
  absl::MutexLock lock(&mutex_);
  const auto known = std::ranges::find(jobs_, job.run_id(), &v1::JobStatus::run_id);
  if (known == jobs_.end()) {
    jobs_.push_back(job);
  } else {
    *known = job;
  }
  if (channel_) {
    EXPECT_TRUE(channel_->Send(NewsOf(job)).ok());
  }
}

void FakeRoot::RemoveJob(const std::string& run_id) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(jobs_, [&run_id](const v1::JobStatus& job) { return job.run_id() == run_id; });
  v1::ControlEvent event;
  event.mutable_removed()->set_run_id(run_id);
  EXPECT_TRUE(channel_->Send(event).ok());
}

RunSpool& FakeRoot::Spool(const std::string& run_id) {
  std::unique_ptr<RunSpool>& spool = spools_[run_id];
  if (!spool) {
    auto created = RunSpool::Create(SpoolPath(run_id));
    EXPECT_TRUE(created.ok()) << created.status();
    spool = *std::move(created);
  }
  return *spool;
}

void FakeRoot::AppendChunks(const std::string& run_id, int count, size_t bytes) {
  RunSpool& spool = Spool(run_id);
  for (int i = 0; i < count; ++i) {
    const uint64_t number = spool.chunks();
    const std::string data(bytes, static_cast<char>('a' + number % 26));
    EXPECT_TRUE(spool.Append(2, number, 1, v1::ENCODING_READINGS, data).ok());
  }
  eventfd_write(eventfd_.get(), 1);
}

void FakeRoot::WriteTruth(const std::string& run_id, const v1::RunTruth& truth) {
  std::ofstream(TruthPath(run_id), std::ios::binary) << truth.SerializeAsString();
}

void FakeRoot::WriteOutputs(const std::string& run_id, const std::string& bytes) {
  std::ofstream(OutputsPath(run_id), std::ios::binary) << bytes;
}

void FakeRoot::Hang() {
  absl::MutexLock lock(&mutex_);
  hangs_ = true;
}

std::vector<FakeRoot::Submission> FakeRoot::WaitForSubmissions(size_t count) {
  absl::MutexLock lock(&mutex_);
  const auto arrived = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return submissions_.size() >= count;
  };
  mutex_.Await(absl::Condition(&arrived));
  return submissions_;
}

std::map<std::string, uint64_t> FakeRoot::acknowledged() const {
  absl::MutexLock lock(&mutex_);
  return acknowledged_;
}

void FakeRoot::SetSources(const std::vector<v1::SourceInfo>& sources) {
  absl::MutexLock lock(&mutex_);
  sources_.mutable_sources()->Assign(sources.begin(), sources.end());
}

void FakeRoot::SetEngines(const std::vector<v1::EngineInfo>& engines) {
  absl::MutexLock lock(&mutex_);
  engines_.clear_engines();
  for (const v1::EngineInfo& engine : engines) *engines_.add_engines() = engine;
}

std::string FakeRoot::wanted_engine() const {
  absl::MutexLock lock(&mutex_);
  return wanted_engine_;
}

void FakeRoot::Serve(ControlChannel* channel) {
  v1::ControlRequest request;
  std::vector<UniqueFd> fds;
  while (channel->Receive(&request, &fds).ok()) Answer(channel, request, fds);
}

void FakeRoot::Answer(ControlChannel* channel, const v1::ControlRequest& request,
                      const std::vector<UniqueFd>& fds) {
  absl::MutexLock lock(&mutex_);
  if (hangs_) return;
  UniqueFd reply_fd;
  v1::ControlEvent event = Handle(request, fds, &reply_fd);
  event.set_id(request.id());
  const int raw = reply_fd.get();
  // A front that was killed in the meantime does not read the answer.
  (void)channel->Send(event, reply_fd.ok() ? std::span(&raw, 1) : std::span<const int>());
}

v1::ControlEvent FakeRoot::Handle(const v1::ControlRequest& request,
                                  const std::vector<UniqueFd>& fds, UniqueFd* reply_fd) {
  v1::ControlEvent event;
  if (!request.refused().from().empty()) {
    strangers_.push_back(request.refused().from() + ": " + request.refused().why());
  } else if (request.has_refused()) {
    refused_.push_back(request.refused().method());
  }
  asked_ += request.has_pair() || request.has_refused() ? 0 : 1;
  if (request.has_pair()) {
    const absl::StatusOr<v1::PairResponse> paired = access_->PairUntrusted(request.pair());
    if (paired.ok()) {
      *event.mutable_paired() = *paired;
      EXPECT_TRUE(channel_->Send(ClientsNow()).ok());
    } else {
      Fail(paired.status().code(), std::string(paired.status().message()), &event);
    }
  } else if (request.has_submit()) {
    EXPECT_EQ(fds.size(), 2u);
    submissions_.push_back(
        {request.submit().spec(), ContentOf(fds[0].get()), ContentOf(fds[1].get())});
    jobs_.push_back(JobOf(fmt::format("r{}", submissions_.size()), v1::JOB_STATE_QUEUED));
    *jobs_.back().mutable_spec() = request.submit().spec();
    *event.mutable_job() = jobs_.back();
  } else if (request.has_cancel()) {
    const auto job = std::ranges::find(jobs_, request.cancel().run_id(), &v1::JobStatus::run_id);
    if (job == jobs_.end()) {
      Fail(absl::StatusCode::kNotFound, "no such run", &event);
    } else {
      job->set_state(v1::JOB_STATE_CANCELLED);
      *event.mutable_job() = *job;
    }
  } else if (request.has_get_job()) {
    const auto job = std::ranges::find(jobs_, request.get_job().run_id(), &v1::JobStatus::run_id);
    if (job == jobs_.end()) {
      Fail(absl::StatusCode::kNotFound, "no such run: it was evicted", &event);
    } else {
      *event.mutable_job() = *job;
    }
  } else if (request.has_acknowledge()) {
    acknowledged_[request.acknowledge().run_id()] = request.acknowledge().next_seq();
  } else if (request.has_open_run()) {
    OpenForReply(SpoolPath(request.open_run().run_id()), reply_fd, &event);
  } else if (request.has_open_truth()) {
    OpenForReply(TruthPath(request.open_truth().run_id()), reply_fd, &event);
  } else if (request.has_open_outputs()) {
    OpenForReply(OutputsPath(request.open_outputs().run_id()), reply_fd, &event);
  } else if (request.has_describe_engines()) {
    wanted_engine_ = request.describe_engines().wanted();
    *event.mutable_engines() = engines_;
  } else if (request.has_describe_sources()) {
    *event.mutable_sources() = sources_;
  } else if (request.has_query_object()) {
    SetObject(objects_->QueryUntrusted(request.query_object()), &event);
  } else if (request.has_append_object()) {
    EXPECT_EQ(fds.size(), 1u);
    const v1::ControlRequest::AppendObject& append = request.append_object();
    SetObject(objects_->AppendUntrusted(append.object(), append.offset(), fds[0]), &event);
  } else if (request.has_get_quotas()) {
    *event.mutable_quota_state()->mutable_limits() = quotas_;
  } else if (request.has_set_quotas()) {
    quotas_.MergeFrom(request.set_quotas().set());
    EXPECT_TRUE(channel_->Send(QuotasNow()).ok());
    *event.mutable_quota_state()->mutable_limits() = quotas_;
  } else if (request.has_open_pairing()) {
    event.mutable_pairing()->set_host(tcp_host_);
    event.mutable_pairing()->set_code(access_->OpenPairing(request.open_pairing().role()).value());
  } else {
    HandleClocks(request, &event);
  }
  return event;
}

void FakeRoot::HandleClocks(const v1::ControlRequest& request, v1::ControlEvent* event) {
  const bool asks = request.has_hold_clocks() || request.get_clocks().has_wanted();
  if (request.has_get_clocks() && !asks) {
    event->mutable_clocks()->set_simulated(true);
  } else if (asks && !clocks_refused_.ok()) {
    Fail(clocks_refused_.code(), std::string(clocks_refused_.message()), event);
  } else if (request.has_hold_clocks()) {
    const v1::ControlRequest::HoldClocks& hold = request.hold_clocks();
    EXPECT_TRUE(holds_.emplace(hold.hold(), hold).second);
    event->mutable_lease()->set_holder(hold.holder());
    event->mutable_lease()->set_id(fmt::format("lease {}", hold.hold()));
    *event->mutable_lease()->mutable_asked() = hold.clocks();
  } else if (request.has_release_clocks()) {
    holds_.erase(request.release_clocks().hold());  // fine where there is none
    for (const std::string& line : left_) event->mutable_released()->add_left(line);
  } else if (request.has_diagnose()) {
    v1::Diagnosis::Check& check = *event->mutable_diagnosis()->add_checks();
    check.set_area("clocks");
    check.set_found(request.diagnose().try_clocks() ? "tried" : "not tried");
  }
}

void FakeRoot::LeaveChanged(std::vector<std::string> lines) {
  absl::MutexLock lock(&mutex_);
  left_ = std::move(lines);
}

void FakeRoot::RefuseClocks(const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  clocks_refused_ = why;
}

std::map<uint64_t, v1::ControlRequest::HoldClocks> FakeRoot::WaitForHolds(size_t count) {
  absl::MutexLock lock(&mutex_);
  const auto there = [this, count]()
                         ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return holds_.size() == count; };
  mutex_.Await(absl::Condition(&there));
  return holds_;
}

std::vector<std::string> FakeRoot::WaitForRefused(size_t count) {
  absl::MutexLock lock(&mutex_);
  const auto there = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return refused_.size() >= count; };
  mutex_.Await(absl::Condition(&there));
  return refused_;
}

std::string FakeRoot::WaitForStranger() {
  absl::MutexLock lock(&mutex_);
  const auto there = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !strangers_.empty(); };
  mutex_.Await(absl::Condition(&there));
  return std::exchange(strangers_, {}).front();
}

void FakeRoot::OpenForReply(const std::string& path, UniqueFd* reply_fd, v1::ControlEvent* event) {
  reply_fd->reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reply_fd->ok()) Fail(absl::StatusCode::kNotFound, "no such file: " + path, event);
}

}  // namespace synergy
