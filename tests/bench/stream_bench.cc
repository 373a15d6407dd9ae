// Bar: how fast recorded chunks go from the daemon's side to a client over the Unix socket, beside
// bare gRPC byte streams in the same run.
//
//   stream_bench [ROUNDS [MEGABYTES]]
//
// synergy: synergyd-front (a process) serves a spool by FollowJob; DeviceClient checks every chunk.
// bare: a process sends byte buffers by a gRPC server stream, without protobuf, without files and
// without looking at the bytes, once with a message for each chunk (of the chunk's size on the
// wire) and once with messages as large as synergy's, in which chunks that are there at once travel
// together. All over Unix sockets. Rounds in random order; medians. CPU is the time of both
// processes.

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "client/net/device_client.h"
#include "common/records/chunk.h"
#include "common/records/readings.h"
#include "tests/daemon/front/fake_root.h"
#include "tests/support/child_process.h"

namespace synergy {
namespace {

constexpr const char* kBareMethod = "/synergy.bench.Bare/Stream";
constexpr const char* kServeFlag = "--serve-bytes";

// ---- The bare stream: byte buffers both ways.

class BareService final : public grpc::Service {
 public:
  explicit BareService(std::vector<uint32_t> sizes) : sizes_(std::move(sizes)) {
    uint32_t largest = 0;
    for (const uint32_t size : sizes_) largest = std::max(largest, size);
    bytes_.assign(largest, 'x');
    AddMethod(new grpc::internal::RpcServiceMethod(
        kBareMethod, grpc::internal::RpcMethod::SERVER_STREAMING,
        new grpc::internal::ServerStreamingHandler<BareService, grpc::ByteBuffer, grpc::ByteBuffer>(
            [](BareService* self, grpc::ServerContext*, const grpc::ByteBuffer*,
               grpc::ServerWriter<grpc::ByteBuffer>* writer) { return self->Stream(writer); },
            this)));
  }

 private:
  grpc::Status Stream(grpc::ServerWriter<grpc::ByteBuffer>* writer) const {
    for (const uint32_t size : sizes_) {
      const grpc::Slice slice(bytes_.data(), size, grpc::Slice::STATIC_SLICE);
      if (!writer->Write(grpc::ByteBuffer(&slice, 1))) break;
    }
    return grpc::Status::OK;
  }

  const std::vector<uint32_t> sizes_;
  std::string bytes_;
};

// Runs in its own process: serves until it is killed.
int ServeBytes(const std::string& socket, const std::string& sizes_file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::ifstream file(sizes_file);
  std::vector<uint32_t> sizes;
  for (uint32_t size = 0; file >> size;) sizes.push_back(size);
  BareService service(std::move(sizes));
  grpc::ServerBuilder builder;
  builder.AddListeningPort(socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
  return 0;
}

uint64_t ReceiveBytes(grpc::ChannelInterface* channel) {
  const grpc::internal::RpcMethod method(kBareMethod, grpc::internal::RpcMethod::SERVER_STREAMING);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  const std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> reader(
      grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(channel, method, &context,
                                                                    request));
  uint64_t bytes = 0;
  for (grpc::ByteBuffer message; reader->Read(&message);) bytes += message.Length();
  const grpc::Status status = reader->Finish();
  if (!status.ok()) fmt::print(stderr, "bare stream: {}\n", status.error_message());
  return bytes;
}

// ---- The spool.

// Readings as the sampler takes them at 1 kHz: jittered stamps, a noisy value of a few steps.
std::vector<Reading> MakeReadings(uint32_t count, std::mt19937_64& random) {
  std::normal_distribution<double> noise(0, 3);
  std::vector<Reading> readings(count);
  int64_t begin = 1'000'000'000'000;
  for (Reading& reading : readings) {
    begin += 1'000'000 + static_cast<int64_t>(noise(random) * 3000);
    reading.begin_ns = begin;
    reading.end_ns = begin + 118'000 + static_cast<int64_t>(noise(random) * 500);
    reading.raw = 1200 + static_cast<int64_t>(noise(random));
    reading.freshness = Freshness::kUnknown;
  }
  return readings;
}

struct Spooled {
  uint64_t chunks = 0;
  uint64_t records = 0;
  uint64_t data_bytes = 0;
  uint32_t readings_a_chunk = 0;
  std::vector<uint32_t> chunk_sizes;  // on the wire
  std::vector<uint32_t> batch_sizes;  // of the same in messages of a quarter megabyte

  uint64_t wire_bytes() const {
    return std::accumulate(chunk_sizes.begin(), chunk_sizes.end(), uint64_t{0});
  }
};

Spooled FillSpool(RunSpool& spool, uint32_t readings_a_chunk, uint64_t bytes) {
  constexpr uint32_t kBatchBytes = 256u << 10;
  std::mt19937_64 random(1);
  const std::string data = EncodeReadings(MakeReadings(readings_a_chunk, random));
  Spooled spooled;
  spooled.readings_a_chunk = readings_a_chunk;
  while (spooled.data_bytes < bytes) {
    v1::FollowJobResponse message;
    *message.add_chunks() = MakeChunk(spooled.chunks, 2, spooled.records, readings_a_chunk,
                                      v1::ENCODING_READINGS, data);
    spooled.chunk_sizes.push_back(static_cast<uint32_t>(message.ByteSizeLong()));
    if (spooled.batch_sizes.empty() || spooled.batch_sizes.back() >= kBatchBytes) {
      spooled.batch_sizes.push_back(0);
    }
    spooled.batch_sizes.back() += spooled.chunk_sizes.back();
    if (!spool.Append(2, spooled.records, readings_a_chunk, v1::ENCODING_READINGS, data).ok()) {
      fmt::print(stderr, "cannot write the spool\n");
      std::exit(1);
    }
    ++spooled.chunks;
    spooled.records += readings_a_chunk;
    spooled.data_bytes += data.size();
  }
  return spooled;
}

// ---- The measurement.

double CpuSeconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// One way of streaming: wall time, and CPU time of the serving process and of this one.
class Contestant {
 public:
  // `transfer` returns whether everything arrived.
  Contestant(std::string name, pid_t server, std::function<bool()> transfer)
      : name_(std::move(name)), transfer_(std::move(transfer)) {
    clock_getcpuclockid(server, &server_clock_);
  }

  const std::string& name() const { return name_; }
  bool WarmUp() const { return transfer_(); }
  bool Run() {
    const double cpu = Cpu();
    const auto begin = std::chrono::steady_clock::now();
    const bool complete = transfer_();
    wall_s_.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    cpu_s_.push_back(Cpu() - cpu);
    return complete;
  }

  const std::vector<double>& wall_s() const { return wall_s_; }
  const std::vector<double>& cpu_s() const { return cpu_s_; }

 private:
  double Cpu() const { return CpuSeconds(server_clock_) + CpuSeconds(CLOCK_PROCESS_CPUTIME_ID); }

  std::string name_;
  std::function<bool()> transfer_;
  clockid_t server_clock_ = 0;
  std::vector<double> wall_s_;
  std::vector<double> cpu_s_;
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// Round by round.
std::vector<double> Ratios(const std::vector<double>& above, const std::vector<double>& below) {
  std::vector<double> ratios;
  for (size_t i = 0; i < above.size(); ++i) ratios.push_back(above[i] / below[i]);
  return ratios;
}

void Print(const Spooled& spooled, const std::vector<Contestant>& all) {
  const double records = static_cast<double>(spooled.records);
  const double bytes = static_cast<double>(spooled.wire_bytes());
  fmt::print("{} readings a chunk: {:.2f} bytes a record encoded, {:.2f} on the wire\n",
             spooled.readings_a_chunk, static_cast<double>(spooled.data_bytes) / records,
             bytes / records);
  for (const Contestant& each : all) {
    const double wall_s = Median(each.wall_s());
    fmt::print("  {:<30} {:>7.2f} Mrecords/s {:>7.1f} MB/s {:>6.2f} us CPU/chunk", each.name(),
               records / wall_s / 1e6, bytes / wall_s / 1e6,
               Median(each.cpu_s()) / static_cast<double>(spooled.chunks) * 1e6);
    if (&each == &all[0]) {
      fmt::print("\n");
      continue;
    }
    const std::vector<double> wall = Ratios(each.wall_s(), all[0].wall_s());
    fmt::print("   synergy's speed over it {:.2f} [{:.2f}, {:.2f}], per CPU {:.2f}\n", Median(wall),
               *std::ranges::min_element(wall), *std::ranges::max_element(wall),
               Median(Ratios(each.cpu_s(), all[0].cpu_s())));
  }
}

uint64_t FollowRun(DeviceClient& client, const std::string& run_id) {
  uint64_t records = 0;
  const DeviceClient::Follower follower{
      .on_chunk =
          [&records](v1::Chunk chunk) {
            records += chunk.count();
            return absl::OkStatus();
          },
      .on_status = [](const v1::JobStatus&) { return absl::OkStatus(); }};
  const absl::StatusOr<v1::JobStatus> last = client.Follow(run_id, 0, follower);
  if (!last.ok()) fmt::print(stderr, "{}\n", last.status().ToString());
  return records;
}

// A process that streams messages of `sizes`, and a channel to it.
class BareStream {
 public:
  BareStream(const char* self, const TempFolder& folder, const std::string& name,
             const std::vector<uint32_t>& sizes)
      : socket_("unix:" + folder.File(name + ".sock")),
        process_({self, kServeFlag, socket_, WriteSizes(folder.File(name + ".sizes"), sizes)}),
        channel_(grpc::CreateChannel(socket_, grpc::InsecureChannelCredentials())) {}

  pid_t pid() const { return process_.pid(); }
  uint64_t Receive() const { return ReceiveBytes(channel_.get()); }

 private:
  static std::string WriteSizes(const std::string& path, const std::vector<uint32_t>& sizes) {
    std::ofstream(path) << fmt::format("{}", fmt::join(sizes, "\n"));
    return path;
  }

  const std::string socket_;
  const ChildProcess process_;
  const std::shared_ptr<grpc::Channel> channel_;
};

// One size of chunk; false where something did not arrive.
bool Measure(const char* self, uint32_t readings_a_chunk, int rounds, uint64_t bytes) {
  FakeRoot root;
  const Spooled spooled = FillSpool(root.Spool("r"), readings_a_chunk, bytes);
  root.SetJob(JobOf("r", v1::JOB_STATE_DONE, spooled.chunks));
  const UniqueFd control = root.StartFront();
  const ChildProcess front({SYNERGYD_FRONT}, control.get());
  const auto client = DeviceClient::Connect(root.unix_host());
  if (!client.ok()) {
    fmt::print(stderr, "{}\n", client.status().ToString());
    return false;
  }
  const BareStream single(self, root.folder(), "single", spooled.chunk_sizes);
  const BareStream batched(self, root.folder(), "batched", spooled.batch_sizes);
  const uint64_t wire_bytes = spooled.wire_bytes();

  std::vector<Contestant> all;
  all.emplace_back("synergy", front.pid(),
                   [&] { return FollowRun(**client, "r") == spooled.records; });
  all.emplace_back("bare gRPC, a message a chunk", single.pid(),
                   [&] { return single.Receive() == wire_bytes; });
  all.emplace_back("bare gRPC, messages as ours", batched.pid(),
                   [&] { return batched.Receive() == wire_bytes; });
  bool complete = true;
  for (const Contestant& each : all) complete = each.WarmUp() && complete;
  std::vector<size_t> order{0, 1, 2};
  std::mt19937 random(7);
  for (int i = 0; i < rounds; ++i) {
    std::ranges::shuffle(order, random);
    for (const size_t index : order) complete = all[index].Run() && complete;
  }
  Print(spooled, all);
  if (!complete) fmt::print(stderr, "not everything arrived\n");
  return complete;
}

int Run(const char* self, int rounds, uint64_t megabytes) {
  bool complete = true;
  // 100: what the recorder writes at 1 kHz (batches of 100 ms). 512: its longest batch.
  for (const uint32_t readings : {100u, 512u}) {
    complete = Measure(self, readings, rounds, megabytes * 1'000'000) && complete;
  }
  return complete ? 0 : 1;
}

}  // namespace
}  // namespace synergy

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == synergy::kServeFlag) {
    return synergy::ServeBytes(argv[2], argv[3]);
  }
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  const int megabytes = argc > 2 ? std::max(1, std::atoi(argv[2])) : 50;
  return synergy::Run("/proc/self/exe", rounds, static_cast<uint64_t>(megabytes));
}
