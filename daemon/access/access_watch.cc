#include "daemon/access/access_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "common/files.h"
#include "spdlog/spdlog.h"

namespace synergy {
namespace {

// Reads all events; whether one of them is of the clients' file, or some were lost.
bool ClientsChanged(int events) {
  bool changed = false;
  alignas(inotify_event) char buffer[4096];
  ssize_t size = 0;
  while ((size = read(events, buffer, sizeof(buffer))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      changed = changed || (event->mask & IN_Q_OVERFLOW) != 0 ||
                (event->len > 0 && std::string_view(event->name) == "clients");
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  return changed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessWatch>> AccessWatch::Start(AccessFolder& folder,
                                                                std::function<void()> on_change) {
  UniqueFd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events.ok() ||
      inotify_add_watch(events.get(), folder.path().c_str(),
                        IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR) < 0) {
    return FileError("Watching", folder.path(), errno);
  }
  return std::unique_ptr<AccessWatch>(
      new AccessWatch(folder, std::move(on_change), std::move(events)));
}

AccessWatch::AccessWatch(AccessFolder& folder, std::function<void()> on_change, UniqueFd events)
    : folder_(folder),
      on_change_(std::move(on_change)),
      events_(std::move(events)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

AccessWatch::~AccessWatch() { eventfd_write(stop_.get(), 1); }

void AccessWatch::Run() {
  while (true) {
    pollfd pollers[2] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                         {.fd = events_.get(), .events = POLLIN, .revents = 0}};
    if (poll(pollers, 2, -1) < 0) continue;  // EINTR
    if (pollers[0].revents != 0) return;
    if (!ClientsChanged(events_.get())) continue;
    if (absl::Status read = folder_.Refresh(); !read.ok()) {
      spdlog::error("{}; until then no client may come over TCP", read.ToString());
    }
    on_change_();
  }
}

}  // namespace synergy
