// Notices when another process changes the clients of an AccessFolder.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "common/unique_fd.h"
#include "daemon/access/access_folder.h"

namespace synergy {

class AccessWatch {
 public:
  // From now on the folder is refreshed, and `on_change` called from the watch's thread, whenever
  // its file of clients was replaced. `folder` outlives the watch.
  static absl::StatusOr<std::unique_ptr<AccessWatch>> Start(AccessFolder& folder,
                                                            std::function<void()> on_change);
  ~AccessWatch();  // the thread has ended
  AccessWatch(const AccessWatch&) = delete;
  AccessWatch& operator=(const AccessWatch&) = delete;

 private:
  AccessWatch(AccessFolder& folder, std::function<void()> on_change, UniqueFd events);
  void Run();

  AccessFolder& folder_;
  const std::function<void()> on_change_;
  const UniqueFd events_;  // of inotify
  const UniqueFd stop_;    // an eventfd
  std::jthread thread_;
};

}  // namespace synergy
