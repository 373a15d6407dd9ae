// Bar: how fast weights go from a client into the device's object store, over the Unix socket and
// over loopback TCP, beside a bare gRPC client stream of the same messages in the same run.
//
//   upload_bar [MEGABYTES [ROUNDS [LEAST_RATIO]]]
//
// synergy: synergyd (a process, with the simulated board) and its synergyd-front; DeviceClient
// sends a new object each round, until the device says that it has it whole and checked. Putting it
// on the disk comes later, when no job runs, and is not in the figure. bare: a process takes the
// same protobuf messages (1 MiB each) by a gRPC client stream and drops them. sha256: the same
// object hashed in memory by one thread, which no upload can outrun; write: the same bytes written
// to a file by one thread. Rounds alternate; medians. An upload is all three: what is possible of
// them together on this machine, where they share its CPUs, is printed beside it (Possible).
// Then: the same object again sends nothing; a client that is killed at half the way leaves a
// beginning that the next one goes on from; the memory of both daemons' processes (VmHWM) grows by
// less than the limit. Exits with 1 where one of these does not hold, or where synergy's speed over
// that of the slower of the bare stream and sha256 is below LEAST_RATIO (0: any will do). CPU is
// the time of each serving process per gigabyte.

#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/net/board_pairing.h"
#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "common/sha256.h"
#include "common/unique_fd.h"
#include "daemon/access/access_folder.h"
#include "synergy/v1/device.grpc.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

constexpr const char* kServeFlag = "--serve";
constexpr const char* kDieFlag = "--die-halfway";
constexpr uint64_t kMemoryLimitBytes = 100'000'000;  // above idle, each process

// ---- The bare stream.

class BareService final : public v1::Device::Service {
 public:
  grpc::Status UploadObject(grpc::ServerContext*,
                            grpc::ServerReader<v1::UploadObjectRequest>* reader,
                            v1::ObjectStatus* response) override {
    uint64_t bytes = 0;
    for (v1::UploadObjectRequest request; reader->Read(&request);) bytes += request.data().size();
    response->set_bytes(bytes);
    return grpc::Status::OK;
  }
};

// Runs in its own process: serves until it is killed.
int Serve(const char* address) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  BareService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

bool SendBare(v1::Device::Stub& stub, const std::string& bytes) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::ObjectStatus response;
  const auto writer = stub.UploadObject(&context, &response);
  v1::UploadObjectRequest request;
  for (size_t at = 0; at < bytes.size(); at += 1u << 20) {
    request.mutable_data()->assign(bytes, at, 1u << 20);
    if (!writer->Write(request)) break;
  }
  writer->WritesDone();
  return writer->Finish().ok() && response.bytes() == bytes.size();
}

// ---- The object.

// No part is like another, and each round's object is a new one.
void Fill(std::string* bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  for (size_t i = 0; i + 8 <= bytes->size(); i += 8) {
    const uint64_t word = random();
    memcpy(bytes->data() + i, &word, sizeof(word));
  }
}

v1::ObjectRef RefOf(const std::string& bytes) {
  Sha256 hash;
  hash.Update(bytes);
  v1::ObjectRef object;
  object.set_sha256(hash.Finish());
  object.set_bytes(bytes.size());
  return object;
}

DeviceClient::ObjectReader ReaderOf(const std::string& bytes) {
  return [&bytes](uint64_t offset, char* into, size_t size) {
    memcpy(into, bytes.data() + offset, size);
    return absl::OkStatus();
  };
}

// Runs in its own process: is killed when half of the object has been sent.
int DieHalfway(const char* host, size_t size, uint64_t seed) {
  std::string bytes(size, '\0');
  Fill(&bytes, seed);
  const auto client = DeviceClient::Connect(host);
  if (!client.ok()) return 1;
  const auto die = [size](uint64_t there) {
    if (there >= size / 2) kill(getpid(), SIGKILL);
  };
  (void)(*client)->Upload(RefOf(bytes), ReaderOf(bytes), die);
  return 1;
}

// ---- The processes.

double CpuSeconds(pid_t pid) {
  clockid_t clock = 0;
  timespec t{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

uint64_t PeakMemory(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  }
  return 0;
}

// The child of `parent` that runs the front.
pid_t FindFront(pid_t parent) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    if (!std::getline(file, text)) continue;
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos || text.find("(synergyd-front") == std::string::npos)
      continue;
    if (std::stoi(text.substr(name_end + 4)) == parent) return std::stoi(text);
  }
  return 0;
}

int FreePort() {
  // Not reserved: whoever takes it in between makes the bar fail with a clear text.
  return 20'000 + static_cast<int>(std::random_device{}() % 20'000);
}

class Board {
 public:
  Board()
      : tcp_host_(fmt::format("127.0.0.1:{}", FreePort())),
        process_({SYNERGYD, "--board", "sim:jetson-tx1", "--state",
                  WithCredentials(folder_.File("state")), "--libexec", SYNERGY_LIBEXEC, "--listen",
                  unix_host_, "--listen", tcp_host_}) {}
  ~Board() {
    process_.Signal(SIGTERM);
    process_.Wait();
  }

  const std::string& host(bool tcp) const { return tcp ? tcp_host_ : unix_host_; }
  // Waits for a daemon that is just starting.
  std::unique_ptr<DeviceClient> Connect(bool tcp) const {
    for (int i = 0;; ++i) {
      if (tcp) Pair();
      auto client = DeviceClient::Connect(host(tcp));
      if (client.ok()) return *std::move(client);
      if (i == 100) {
        fmt::print(stderr, "{}\n", client.status().ToString());
        std::exit(1);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  pid_t root() const { return process_.pid(); }
  pid_t front() const { return FindFront(process_.pid()); }
  // Waits until the disk has all objects, so that its work does not run into the next round.
  void AwaitDisk() const {
    const auto folder = folder_.File("state/objects");
    const auto durable = [](const auto& entry) {
      return entry.path().filename().string().size() == 64;  // a hash alone (docs/objects.md)
    };
    for (int i = 0; i < 3000; ++i) {
      const std::filesystem::directory_iterator files(folder);
      if (std::all_of(begin(files), end(files), durable)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  // Children inherit where the pairing is.
  void Pair() const {
    setenv("XDG_CONFIG_HOME", folder_.File("config").c_str(), 1);
    if (DeviceClient::Connect(tcp_host_).ok()) return;
    const auto access = AccessFolder::Open(folder_.File("state"));
    if (!access.ok()) return;
    const auto code = (*access)->OpenPairing(v1::ROLE_RUN);
    if (!code.ok()) return;
    const auto board = PairWithBoard(tcp_host_, *code, "upload_bar");
    if (board.ok()) (void)StorePairing(*board);
  }
  // So that rounds do not fill the disk.
  void Forget() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.File("state/objects"))) {
      std::error_code gone;
      std::filesystem::remove(entry.path(), gone);
    }
  }

 private:
  static std::string WithCredentials(const std::string& state) {
    const int code = ChildProcess({SYNERGYD, "credentials", "--state", state}).Wait();
    if (code == 0) return state;
    fmt::print(stderr, "synergyd credentials ended with {}\n", code);
    std::exit(1);
  }

  const TempFolder folder_;
  const std::string unix_host_ = "unix:" + folder_.File("d.sock");
  const std::string tcp_host_;
  ChildProcess process_;
};

// ---- The measurement.

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// What one of the parts of an upload takes.
struct Cost {
  double speed = 0;        // MB/s
  double cpu_seconds = 0;  // of all that take part
};

double OwnCpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Of the parts together, in MB/s, on this machine: no faster than the slowest of them, nor than the
// CPUs can spend what all of them take.
double Possible(size_t bytes, const std::vector<Cost>& parts) {
  double slowest = parts.front().speed, cpu_seconds = 0;
  for (const Cost& part : parts) {
    slowest = std::min(slowest, part.speed);
    cpu_seconds += part.cpu_seconds;
  }
  const double cpus = std::max(1u, std::thread::hardware_concurrency());
  return std::min(slowest, cpus * static_cast<double>(bytes) / 1e6 / cpu_seconds);
}

bool WriteBytes(const std::string& bytes, const std::string& path) {
  constexpr size_t kSlice = 256u << 10;
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  for (size_t at = 0; at < bytes.size(); at += kSlice) {
    const size_t size = std::min(kSlice, bytes.size() - at);
    if (write(fd.get(), bytes.data() + at, size) != static_cast<ssize_t>(size)) return false;
  }
  return unlink(path.c_str()) == 0;
}

// MB/s; nothing where it did not arrive.
std::optional<double> Speed(const std::string& bytes, const std::function<bool()>& transfer) {
  const auto begin = std::chrono::steady_clock::now();
  if (!transfer()) return std::nullopt;
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(bytes.size()) / wall.count() / 1e6;
}

class Bar {
 public:
  Bar(size_t size, int rounds, double least_ratio)
      : bytes_(size, '\0'), rounds_(rounds), least_ratio_(least_ratio) {}

  int Run() {
    for (const bool tcp : {false, true}) {
      Measure(tcp);
      SendAgain(tcp);
      Resume(tcp);
      CheckMemory(tcp);
    }
    return ok_ ? 0 : 1;
  }

 private:
  static const char* Name(bool tcp) { return tcp ? "loopback TCP" : "Unix socket"; }
  void Require(bool holds, const std::string& what) {
    if (holds) return;
    ok_ = false;
    fmt::print("  FAILED: {}\n", what);
  }
  void Measure(bool tcp) {
    const TempFolder folder;
    const std::string address =
        tcp ? fmt::format("127.0.0.1:{}", FreePort()) : "unix:" + folder.File("bare.sock");
    const ChildProcess bare({"/proc/self/exe", kServeFlag, address});
    const auto stub =
        v1::Device::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
    const auto client = board_.Connect(tcp);
    idle_root_ = PeakMemory(board_.root());
    idle_front_ = PeakMemory(board_.front());
    const double cpu_root = CpuSeconds(board_.root()), cpu_front = CpuSeconds(board_.front());
    std::vector<double> ours, theirs, hashes, writes, possible, ratios;
    for (int i = 0; i <= rounds_; ++i) {
      Fill(&bytes_, ++seed_);
      v1::ObjectRef object;
      const auto hash = Take([&] {  // the client's own hashing is not in the figure
        object = RefOf(bytes_);
        return true;
      });
      const auto write = Take([&] { return WriteBytes(bytes_, folder.File("written")); });
      const auto upload = Speed(bytes_, [&] {
        const auto sent = client->Upload(object, ReaderOf(bytes_));
        if (!sent.ok()) fmt::print(stderr, "{}\n", sent.status().ToString());
        return sent.ok() && sent->sent == bytes_.size();
      });
      board_.AwaitDisk();
      const double serving = CpuSeconds(bare.pid());
      auto stream = Take([&] { return SendBare(*stub, bytes_); });
      if (stream) stream->cpu_seconds += CpuSeconds(bare.pid()) - serving;
      if (i < rounds_) board_.Forget();
      Require(upload && stream && write, "not all bytes arrived");
      if (!upload || !stream || !write || i == 0) continue;  // the first one warms up
      ours.push_back(*upload);
      theirs.push_back(stream->speed);
      hashes.push_back(hash->speed);
      writes.push_back(write->speed);
      possible.push_back(Possible(bytes_.size(), {*stream, *hash, *write}));
      ratios.push_back(*upload / std::min(stream->speed, hash->speed));
    }
    if (ratios.empty()) return;
    const auto [least, most] = std::ranges::minmax(ratios);
    fmt::print(
        "{}, {} MB, {} rounds: synergy {:.0f} MB/s, bare gRPC {:.0f} MB/s (ratio {:.2f}), sha256 "
        "{:.0f} MB/s; to the slower of these {:.2f} [{:.2f}, {:.2f}]\n"
        "  write {:.0f} MB/s; all three share {} CPUs, which allows {:.0f} MB/s: {:.2f} of it\n",
        Name(tcp), bytes_.size() / 1'000'000, rounds_, Median(ours), Median(theirs),
        Median(ours) / Median(theirs), Median(hashes), Median(ratios), least, most, Median(writes),
        std::thread::hardware_concurrency(), Median(possible), Median(ours) / Median(possible));
    const double gigabytes = static_cast<double>(bytes_.size()) * (rounds_ + 1) / 1e9;
    fmt::print("  CPU: synergyd {:.2f} s/GB, synergyd-front {:.2f} s/GB, bare server {:.2f} s/GB\n",
               (CpuSeconds(board_.root()) - cpu_root) / gigabytes,
               (CpuSeconds(board_.front()) - cpu_front) / gigabytes,
               CpuSeconds(bare.pid()) / gigabytes);
    Require(Median(ratios) >= least_ratio_, fmt::format("a ratio of at least {}", least_ratio_));
  }

  // Speed, and the CPU time of this process.
  std::optional<Cost> Take(const std::function<bool()>& part) const {
    const double cpu = OwnCpuSeconds();
    const std::optional<double> speed = Speed(bytes_, part);
    if (!speed) return std::nullopt;
    return Cost{.speed = *speed, .cpu_seconds = OwnCpuSeconds() - cpu};
  }

  void SendAgain(bool tcp) {
    const auto sent = board_.Connect(tcp)->Upload(RefOf(bytes_), ReaderOf(bytes_));
    Require(sent.ok() && sent->sent == 0, "the second upload of the same object sends nothing");
    fmt::print("  again: {} bytes sent\n", sent.ok() ? sent->sent : ~uint64_t{0});
  }

  void Resume(bool tcp) {
    board_.Forget();
    Fill(&bytes_, ++seed_);
    ChildProcess victim({"/proc/self/exe", kDieFlag, board_.host(tcp),
                         std::to_string(bytes_.size()), std::to_string(seed_)});
    Require(victim.Wait() == -SIGKILL, "the client is killed halfway");
    const auto sent = board_.Connect(tcp)->Upload(RefOf(bytes_), ReaderOf(bytes_));
    const double part =
        sent.ok() ? static_cast<double>(sent->sent) / static_cast<double>(bytes_.size()) : 0;
    // What was under way when the client died may be lost: some messages.
    Require(part >= 0.45 && part <= 0.75, "the next client sends about half");
    fmt::print("  after a client was killed at 50 %: {:.1f} % of the bytes sent\n", part * 100);
    board_.Forget();
  }

  void CheckMemory(bool tcp) {
    const uint64_t root = PeakMemory(board_.root()), front = PeakMemory(board_.front());
    fmt::print(
        "  peak memory: synergyd {:.1f} MB (idle {:.1f}), synergyd-front {:.1f} MB (idle "
        "{:.1f})\n",
        static_cast<double>(root) / 1e6, static_cast<double>(idle_root_) / 1e6,
        static_cast<double>(front) / 1e6, static_cast<double>(idle_front_) / 1e6);
    Require(front != 0 && root - idle_root_ < kMemoryLimitBytes &&
                front - idle_front_ < kMemoryLimitBytes,
            fmt::format("{} adds less than {} MB to each process", Name(tcp),
                        kMemoryLimitBytes / 1'000'000));
  }

  const Board board_;
  std::string bytes_;
  const int rounds_;
  const double least_ratio_;
  uint64_t seed_ = 0;
  uint64_t idle_root_ = 0;
  uint64_t idle_front_ = 0;
  bool ok_ = true;
};

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && std::string_view(argv[1]) == synergy::kServeFlag) return synergy::Serve(argv[2]);
  if (argc == 5 && std::string_view(argv[1]) == synergy::kDieFlag) {
    return synergy::DieHalfway(argv[2], std::stoull(argv[3]), std::stoull(argv[4]));
  }
  const int megabytes = argc > 1 ? std::max(1, std::atoi(argv[1])) : 500;
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const double least_ratio = argc > 3 ? std::atof(argv[3]) : 0;
  return synergy::Bar(static_cast<size_t>(megabytes) * 1'000'000, rounds, least_ratio).Run();
}
