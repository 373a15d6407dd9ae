// An engine as synergyd would start it: the seven descriptors, the launcher, and nothing else. For
// tests.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/marker_ring.h"
#include "common/marker_ring_reader.h"
#include "common/unique_fd.h"
#include "common/worker_protocol.h"
#include "synergy/v1/worker.pb.h"

namespace synergy {

class EngineProcess {
 public:
  struct Options {
    std::string engine;    // path of the executable
    std::string launcher;  // path of synergy-launcher; "": the engine is started directly
    std::string predict;   // bytes of the nets
    std::string init;
    RingGeometry ring;
    std::string weights = {};  // bytes of tensor packs
    std::string inputs = {};
    int weights_fd = -1;  // a pack that is a file already; borrowed
  };

  // Aborts the test program where the system cannot do it (no descriptors, no such file).
  explicit EngineProcess(const Options& options);
  // Kills what still runs.
  ~EngineProcess();
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  absl::Status Send(const v1::WorkerCommand& command);
  absl::Status SendBytes(std::string_view bytes);
  // The engine reads end of file.
  void CloseCommands();

  // The next event; nullopt at the end of the connection. An error after half a minute without
  // either.
  absl::StatusOr<std::optional<v1::WorkerEvent>> Receive();

  // Waits for its end; the status of waitpid.
  int Wait();

  // All markers since the last call.
  std::vector<Marker> TakeMarkers();
  MarkerRingReader& ring() { return reader_; }

  // What the engine has written for WriteOutputs: after OutputsWritten, all of it. The engine waits
  // while more than kMaxOutputs are not taken.
  static constexpr int kMaxOutputs = 1 << 20;
  std::string TakeOutputs();

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd ring_fd_;
  UniqueFd outputs_;
  UniqueFd control_;
  MarkerRingReader reader_;
  FrameReceiver receiver_;
};

}  // namespace synergy
