#include "daemon/control/listening_socket.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/files.h"
#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 128;
constexpr char kGroup[] = "synergy";

absl::Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is no address to listen on: give unix:PATH, ADDRESS:PORT or ADDRESS (port {})", text,
      kDefaultPort));
}

// Nothing where it is no numeric address.
std::string NumericHost(const std::string& host) {
  if (host == "localhost") return "127.0.0.1";
  in_addr v4 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return host;
  in6_addr v6 = {};
  char text[INET6_ADDRSTRLEN] = "";
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return "";
  return inet_ntop(AF_INET6, &v6, text, sizeof(text));
}

// Splits "host:port", "[v6]:port", "v6" and "host"; a port without digits is no port.
bool SplitHost(std::string_view text, std::string* host, std::string_view* port) {
  *port = {};
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    *host = std::string(text.substr(1, close - 1));
    text.remove_prefix(close + 1);
    if (text.empty()) return true;
    *port = text.substr(1);
    return text.front() == ':' && !port->empty();
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos) {
    *host = std::string(text);
    return true;
  }
  *host = std::string(text.substr(0, colon));
  *port = text.substr(colon + 1);
  return !port->empty();
}

absl::Status Elsewhere(const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}; choose another path with --listen unix:PATH",
                                                 std::string(status.message())));
}

// Whether somebody accepts connections there; NotFound where there is no socket file at all.
absl::StatusOr<bool> SomebodyListens(const std::string& path, const sockaddr_un& address) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return FileError("Looking at", path, errno);
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(fmt::format(
        "Listening on {}: something that is no socket lies there; remove it or choose another path",
        path));
  }
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool connected =
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  return connected || errno != ECONNREFUSED;  // EAGAIN: somebody does, with a full backlog
}

std::string HostPort(const std::string& host, uint16_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

// Makes the socket's file with its final mode and group from its first instant: whatever is done by
// path afterwards could be led astray by who may write the folder. 0 or errno.
int BindForGroup(int fd, const sockaddr_un& address) {
  const group* synergy = geteuid() == 0 ? getgrnam(kGroup) : nullptr;
  const mode_t before = umask(synergy != nullptr ? 0117 : 0177);
  const int group_before = synergy != nullptr ? setfsgid(synergy->gr_gid) : 0;
  const int result = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  if (synergy != nullptr) setfsgid(static_cast<gid_t>(group_before));
  umask(before);
  return result == 0 ? 0 : error;
}

FileId IdOf(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return {};
  return {.device = info.st_dev, .inode = info.st_ino};
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    address.unix_path = std::string(text.substr(kUnix.size()));
    if (address.unix_path.empty()) return Malformed(text);
    if (address.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
      return absl::InvalidArgumentError(fmt::format(
          "The socket path {} has {} bytes and the kernel takes {}; choose a shorter one",
          address.unix_path, address.unix_path.size(), sizeof(sockaddr_un::sun_path) - 1));
    }
    return address;
  }
  std::string host;
  std::string_view port;
  if (!SplitHost(text, &host, &port) || host.empty()) return Malformed(text);
  address.port = kDefaultPort;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size()) return Malformed(text);
  }
  address.host = NumericHost(host);
  if (address.host.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "Listening on {}: '{}' is no address of this machine; give a numeric one, such as "
        "127.0.0.1 (this machine alone), 0.0.0.0 (all of IPv4) or [::] (all)",
        text, host));
  }
  return address;
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> ListeningSocket::Open(
    const ListenAddress& address) {
  return address.unix_path.empty() ? OpenTcp(address) : OpenUnix(address);
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> ListeningSocket::OpenUnix(
    const ListenAddress& where) {
  const std::string& path = where.unix_path;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const absl::StatusOr<bool> taken = SomebodyListens(path, address);
  if (!taken.ok() && !absl::IsNotFound(taken.status())) return taken.status();
  if (taken.ok() && *taken) {
    return absl::AlreadyExistsError(fmt::format(
        "Listening on {}: another synergyd listens there; stop it or choose another path with "
        "--listen unix:PATH",
        path));
  }
  if (taken.ok()) unlink(path.c_str());  // left behind by a daemon that died
  const size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    const std::string folder = path.substr(0, slash);
    if (where.make_folder) {
      if (absl::Status made = MakeFolder(folder, 0755); !made.ok()) return Elsewhere(made);
    } else if (access(folder.c_str(), F_OK) != 0 && errno == ENOENT) {
      return absl::NotFoundError(fmt::format(
          "Listening on {}: there is no folder {}; make it or choose another path with --listen "
          "unix:PATH",
          path, folder));
    }
  }
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return FileError("Creating the socket", path, errno);
  if (const int error = BindForGroup(fd.get(), address); error != 0) {
    return Elsewhere(FileError("Listening on", path, error));
  }
  const FileId id = IdOf(path);
  if (listen(fd.get(), kBacklog) != 0) return FileError("Listening on", path, errno);
  return std::unique_ptr<ListeningSocket>(
      new ListeningSocket(fmt::format("{}{}", kUnix, path), std::move(fd), path, id));
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> ListeningSocket::OpenTcp(
    const ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  const std::string name = HostPort(address.host, address.port);
  sockaddr_storage storage = {};
  socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&storage);
  auto* in4 = reinterpret_cast<sockaddr_in*>(&storage);
  if (v6) {
    in6->sin6_family = AF_INET6;
    inet_pton(AF_INET6, address.host.c_str(), &in6->sin6_addr);
    in6->sin6_port = htons(address.port);
  } else {
    in4->sin_family = AF_INET;
    inet_pton(AF_INET, address.host.c_str(), &in4->sin_addr);
    in4->sin_port = htons(address.port);
  }
  UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return FileError("Creating the socket", name, errno);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  if (bind(fd.get(), generic, size) != 0 || listen(fd.get(), kBacklog) != 0) {
    return errno == EADDRINUSE
               ? absl::AlreadyExistsError(fmt::format(
                     "Listening on {}: the port is taken; stop who has it or choose another", name))
           : errno == EADDRNOTAVAIL
               ? absl::InvalidArgumentError(
                     fmt::format("Listening on {}: this machine does not have that address", name))
               : FileError("Listening on", name, errno);
  }
  if (getsockname(fd.get(), generic, &size) != 0) return FileError("Asking for", name, errno);
  const uint16_t port = ntohs(v6 ? in6->sin6_port : in4->sin_port);
  return std::unique_ptr<ListeningSocket>(
      new ListeningSocket(HostPort(address.host, port), std::move(fd), "", {}));
}

ListeningSocket::~ListeningSocket() {
  if (!unix_path_.empty() && IdOf(unix_path_) == unix_id_) unlink(unix_path_.c_str());
}

}  // namespace synergy
