// `synergyd credentials`, `synergyd pair` and `synergyd clients`: who may come over the network,
// told to the folder that the daemon watches. They need no running daemon.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace synergy {

// Adds them to `app`. The one that is given sets `*chosen`, which prints to standard output. Both
// pointers outlive the app.
void AddAccessCommands(CLI::App& app, const std::string* state_dir,
                       std::function<absl::Status()>* chosen);

}  // namespace synergy
