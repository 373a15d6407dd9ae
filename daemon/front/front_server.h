// Everything of synergyd-front behind the control channel: the gRPC server on synergyd's listeners.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "daemon/control/control_channel.h"
#include "daemon/front/root_client.h"

namespace synergy {

// Serves from Start until it is destroyed.
class FrontServer {
 public:
  // Waits for the root side's Start on `channel`. `clock` outlives the server. Errors as of
  // ReceiveStart, DataLoss for a telemetry ring that is none, Internal where gRPC does not start.
  static absl::StatusOr<std::unique_ptr<FrontServer>> Start(std::unique_ptr<ControlChannel> channel,
                                                            Clock& clock);
  // Ends every call within half a second: followers of ended runs get the rest while they are
  // quick, everyone else Unavailable.
  ~FrontServer();
  FrontServer(const FrontServer&) = delete;
  FrontServer& operator=(const FrontServer&) = delete;

  // As of RootClient: readable when the root side is gone.
  int lost_fd() const;
  absl::Status lost() const;

 private:
  struct Parts;
  explicit FrontServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace synergy
