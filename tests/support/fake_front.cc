// synergyd-front of the tests: takes its Start and then does what the board's name says: "crash",
// "fat" (takes 128 MiB), "stubborn" (ends for nobody), "rude" (sends what is no request); otherwise
// it lives until its channel ends or SIGTERM.
#include <unistd.h>

#include <csignal>
#include <vector>

#include "daemon/control/control_channel.h"
#include "synergy/v1/control.pb.h"

int main() {
  synergy::ControlChannel channel(synergy::UniqueFd(3));
  synergy::v1::ControlEvent event;
  std::vector<synergy::UniqueFd> fds;
  if (!channel.Receive(&event, &fds).ok() || !event.has_start()) return 2;
  const std::string name = event.start().board().name();
  if (name == "crash") std::raise(SIGSEGV);
  if (name == "stubborn") {
    std::signal(SIGTERM, SIG_IGN);
    while (true) pause();
  }
  std::vector<char> memory(name == "fat" ? 128u << 20 : 0, 'x');
  if (name == "rude") {
    synergy::v1::ControlRequest request;  // without an id
    request.mutable_cancel()->set_run_id("x");
    if (!channel.Send(request).ok()) return 3;
  }
  while (channel.Receive(&event, &fds).ok()) {
  }
  return 0;
}
