// The engine's side of the protocol (proto/synergy/v1/worker.proto): commands in, events out.
#pragma once

#include "daemon/worker/engine.h"

namespace synergy {

// Serves `engine` on the stream socket `control_fd` until the daemon says Exit or closes it, or
// until a Failed event was sent. Returns the exit status of the process: 0 or 1.
int ServeEngine(Engine& engine, int control_fd);

}  // namespace synergy
