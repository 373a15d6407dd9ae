// Where synergyd listens. The root process makes the sockets, so that they outlive the front that
// accepts on them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

struct ListenAddress {
  std::string unix_path;     // "" for TCP
  bool make_folder = false;  // the socket's, where there is none
  std::string host;          // numeric
  uint16_t port = 0;
  friend bool operator==(const ListenAddress&, const ListenAddress&) = default;
};

// unix:PATH, ADDRESS:PORT, ADDRESS, [IPV6]:PORT or an IPv6 address; without a port
// common/protocol.h's. An address is numeric, or "localhost". InvalidArgument with the reason
// otherwise.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  friend bool operator==(const FileId&, const FileId&) = default;
};

// One listening socket; a Unix socket's file goes with it, unless somebody has replaced it.
class ListeningSocket {
 public:
  // A Unix socket is for root and the group `synergy` (mode 0660), or for its owner alone (0600)
  // where there is no such group or we are not root; its folder is made (mode 0755) only where the
  // address says so. NotFound: there is none. A socket that nobody listens on is replaced.
  // AlreadyExists: a daemon listens there; FailedPrecondition: something else lies there.
  static absl::StatusOr<std::unique_ptr<ListeningSocket>> Open(const ListenAddress& address);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  // "unix:/run/synergy/synergyd.sock", "127.0.0.1:7741", with the port that was really taken.
  const std::string& address() const { return address_; }
  int fd() const { return fd_.get(); }

 private:
  ListeningSocket(std::string address, UniqueFd fd, std::string unix_path, FileId unix_id)
      : address_(std::move(address)),
        fd_(std::move(fd)),
        unix_path_(std::move(unix_path)),
        unix_id_(unix_id) {}
  static absl::StatusOr<std::unique_ptr<ListeningSocket>> OpenUnix(const ListenAddress& where);
  static absl::StatusOr<std::unique_ptr<ListeningSocket>> OpenTcp(const ListenAddress& address);

  const std::string address_;
  const UniqueFd fd_;
  const std::string unix_path_;
  const FileId unix_id_;
};

}  // namespace synergy
