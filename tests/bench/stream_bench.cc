// Bar: how fast recorded chunks go from the daemon's side to a client over the Unix socket, beside
// a bare gRPC byte stream with messages of the same sizes, in the same run.
//
//   stream_bench [ROUNDS [MEGABYTES]]
//
// Ours: synergyd-front (a process) serves a spool by FollowJob, DeviceClient checks and takes each
// chunk. Bare: another process sends byte buffers of the same sizes by a gRPC server stream without
// protobuf, without files and without looking at the bytes. Both over a Unix socket. Rounds
// alternate in random order; medians.

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
#include <fstream>
#include <functional>
#include <memory>
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
  std::vector<uint32_t> message_sizes;  // of the FollowJobResponses
};

Spooled FillSpool(RunSpool& spool, uint32_t readings_a_chunk, uint64_t bytes) {
  std::mt19937_64 random(1);
  const std::string data = EncodeReadings(MakeReadings(readings_a_chunk, random));
  Spooled spooled;
  v1::FollowJobResponse message;
  while (spooled.data_bytes < bytes) {
    v1::Chunk& chunk = *message.mutable_chunk();
    chunk = MakeChunk(spooled.chunks, 2, spooled.records, readings_a_chunk, v1::ENCODING_READINGS,
                      data);
    spooled.message_sizes.push_back(static_cast<uint32_t>(message.ByteSizeLong()));
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

double ElapsedSeconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
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

// One size of chunk: prints a line; false where something did not arrive.
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
  const std::string sizes_file = root.folder().File("sizes");
  const std::string bare_socket = "unix:" + root.folder().File("bare.sock");
  std::ofstream(sizes_file) << fmt::format("{}", fmt::join(spooled.message_sizes, "\n"));
  const ChildProcess bare({self, kServeFlag, bare_socket, sizes_file});
  const auto channel = grpc::CreateChannel(bare_socket, grpc::InsecureChannelCredentials());
  uint64_t message_bytes = 0;
  for (const uint32_t size : spooled.message_sizes) message_bytes += size;

  std::vector<double> ours_s, bare_s, ratios;
  std::mt19937 order(7);
  bool complete = FollowRun(**client, "r") == spooled.records &&  // both once, unmeasured
                  ReceiveBytes(channel.get()) == message_bytes;
  for (int i = 0; i < rounds; ++i) {
    const bool ours_first = order() % 2 == 0;
    for (const bool ours : {ours_first, !ours_first}) {
      const double s = ElapsedSeconds([&] {
        complete = complete && (ours ? FollowRun(**client, "r") == spooled.records
                                     : ReceiveBytes(channel.get()) == message_bytes);
      });
      (ours ? ours_s : bare_s).push_back(s);
    }
    ratios.push_back(bare_s.back() / ours_s.back());
  }
  const double records = static_cast<double>(spooled.records);
  const double mb = static_cast<double>(message_bytes) / 1e6;
  fmt::print(
      "{:>9} {:>9.2f} {:>9.2f} | {:>9.2f} {:>7.1f} | {:>9.2f} {:>7.1f} | {:>6.2f} {:>6.2f} "
      "{:>6.2f}\n",
      readings_a_chunk, static_cast<double>(spooled.data_bytes) / records,
      static_cast<double>(message_bytes) / records, records / Median(ours_s) / 1e6,
      mb / Median(ours_s), records / Median(bare_s) / 1e6, mb / Median(bare_s), Median(ratios),
      *std::ranges::min_element(ratios), *std::ranges::max_element(ratios));
  if (!complete) fmt::print(stderr, "not everything arrived\n");
  return complete;
}

int Run(const char* self, int rounds, uint64_t megabytes) {
  fmt::print(
      "readings/     bytes/record |      synergy stream |    bare gRPC stream |  ratio of speed\n");
  fmt::print(
      "    chunk   encoded   on wire |  Mrecords/s   MB/s |  Mrecords/s   MB/s | median  least   "
      "most\n");
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
