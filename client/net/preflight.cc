#include "client/net/preflight.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "common/unique_fd.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr const char* kHowToStart =
    "start it with `sudo synergyd`, or with `synergyd --board sim:jetson-tx1` for a simulated "
    "board";

std::string UserName(uid_t uid) {
  const passwd* entry = getpwuid(uid);
  return entry != nullptr ? entry->pw_name : fmt::format("{}", uid);
}

std::string GroupName(gid_t gid) {
  const group* entry = getgrgid(gid);
  return entry != nullptr ? entry->gr_name : fmt::format("{}", gid);
}

absl::Status UnixPermissionDenied(const std::string& path) {
  const std::string user = UserName(geteuid());
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::PermissionDeniedError(fmt::format(
        "Permission denied: the user {} may not look into the folder of {}; run as a user who may",
        user, path));
  }
  const std::string group = GroupName(info.st_gid);
  const char* remedy = (info.st_mode & S_IWGRP) != 0 && info.st_gid != 0
                           ? "join that group (`sudo usermod -aG {0} {1}`, then log in again)"
                           : "run as the user who started synergyd, or with sudo";
  return absl::PermissionDeniedError(fmt::format(
      "Permission denied: the socket {} belongs to user {} and group {} (mode {:04o}), and you "
      "are {}: {}",
      path, UserName(info.st_uid), group, info.st_mode & 07777, user,
      fmt::format(fmt::runtime(remedy), group, user)));
}

absl::Status UnixError(const std::string& path, int error) {
  struct stat info {};
  // Linux refuses the connection to a plain file as if nobody listened.
  if (error == ECONNREFUSED && stat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    error = ENOTSOCK;
  }
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::UnavailableError(
          fmt::format("synergyd is not running here: there is no socket {}; {}, or name another "
                      "host with --host or "
                      "SYNERGY_HOST",
                      path, kHowToStart));
    case ECONNREFUSED:
      return absl::UnavailableError(fmt::format(
          "synergyd is not running: the socket {} was left behind by one that ended; {}", path,
          kHowToStart));
    case EACCES:
    case EPERM:
      return UnixPermissionDenied(path);
    case ENOTSOCK:
    case EPROTOTYPE:
      return absl::UnavailableError(fmt::format("{} is no socket of synergyd", path));
    case EAGAIN:
      return absl::UnavailableError(fmt::format(
          "synergyd at {} does not take connections: too many clients wait already; try again",
          path));
    default:
      return absl::UnavailableError(fmt::format("Connecting to {}: {}", path, strerror(error)));
  }
}

// gRPC reads the path as part of a URI.
std::string PercentEncoded(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

absl::StatusOr<FoundDaemon> FindUnix(const UnixAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  // ParseHost has checked the length.
  memcpy(name.sun_path, address.path.c_str(),
         std::min(address.path.size(), sizeof(name.sun_path) - 1));
  // Non-blocking: a full backlog is EAGAIN instead of a wait without end.
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
    return UnixError(address.path, errno);
  }
  return FoundDaemon{.target = fmt::format("unix:{}", PercentEncoded(address.path)),
                     .connection = UniqueFd()};
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::StatusOr<Addresses> Resolve(const TcpAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(address.name.c_str(), fmt::format("{}", address.port).c_str(), &hints, &list);
  if (error != 0) {
    return absl::UnavailableError(
        fmt::format("The name '{}' cannot be resolved: {}; check its spelling and the network, and "
                    "for a name under "
                    ".local that libnss-mdns is installed",
                    address.name, error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error)));
  }
  return Addresses(list);
}

// 0, with the connection, or the errno of the attempt.
int Knock(const addrinfo& address, MonotonicTime deadline, UniqueFd* connection) {
  UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return errno;
  if (connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) {
    *connection = std::move(fd);
    return 0;
  }
  if (errno != EINPROGRESS) return errno;
  pollfd poller{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  int ready = 0;
  do {
    const int64_t left_ms = (deadline - RealClock().Now()).count / 1'000'000;
    ready = poll(&poller, 1, static_cast<int>(std::max<int64_t>(left_ms, 0)));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) *connection = std::move(fd);
  return error;
}

std::string GrpcTarget(const addrinfo& address) {
  char name[NI_MAXHOST], port[NI_MAXSERV];
  getnameinfo(address.ai_addr, address.ai_addrlen, name, sizeof(name), port, sizeof(port),
              NI_NUMERICHOST | NI_NUMERICSERV);
  if (address.ai_family == AF_INET) return fmt::format("ipv4:{}:{}", name, port);
  std::string scoped(name);  // fe80::1%eth0: the percent sign is special in a URI
  if (const size_t percent = scoped.find('%'); percent != std::string::npos) {
    scoped.replace(percent, 1, "%25");
  }
  return fmt::format("ipv6:%5B{}%5D:{}", scoped, port);
}

bool IsLoopbackName(const std::string& name) {
  return name == "localhost" || name == "::1" || name.starts_with("127.");
}

// As synergyd --listen takes it.
std::string LiteralOf(const std::string& name) {
  return name == "::1" ? "[::1]" : name == "localhost" ? "127.0.0.1" : name;
}

absl::Status TcpError(const TcpAddress& address, int error) {
  const std::string tried = fmt::format("Connecting to {} port {}", address.name, address.port);
  if (error == ECONNREFUSED && IsLoopbackName(address.name)) {
    return absl::UnavailableError(
        fmt::format("{}: connection refused, nothing listens there; start `synergyd --listen "
                    "{}:{}` (it listens on TCP only when asked)",
                    tried, LiteralOf(address.name), address.port));
  }
  if (error == ECONNREFUSED) {
    return absl::UnavailableError(fmt::format(
        "{0}: connection refused, nothing listens there; start `synergyd --listen 0.0.0.0:{1}` on "
        "{2} (it listens on TCP only when asked), and pair with it by `synergyd pair` there",
        tried, address.port, address.name));
  }
  return absl::UnavailableError(
      fmt::format("{}: {}; check that the machine is on and reachable", tried, strerror(error)));
}

absl::StatusOr<FoundDaemon> FindTcp(const TcpAddress& address, Nanoseconds patience) {
  absl::StatusOr<Addresses> addresses = Resolve(address);
  if (!addresses.ok()) return addresses.status();
  const MonotonicTime end = RealClock().Now() + patience;
  int error = ETIMEDOUT;
  int left = 0;
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next) ++left;
  for (const addrinfo* a = addresses->get(); a != nullptr; a = a->ai_next, --left) {
    // A silent address must not use up the time of those after it.
    const MonotonicTime now = RealClock().Now();
    UniqueFd connection;
    error = Knock(*a, now + Nanoseconds{(end - now).count / left}, &connection);
    if (error == 0) {
      return FoundDaemon{.target = GrpcTarget(*a), .connection = std::move(connection)};
    }
  }
  return TcpError(address, error);
}

}  // namespace

absl::StatusOr<FoundDaemon> FindDaemon(const HostAddress& address, Nanoseconds patience) {
  if (const auto* unix_address = std::get_if<UnixAddress>(&address)) return FindUnix(*unix_address);
  return FindTcp(std::get<TcpAddress>(address), patience);
}

}  // namespace synergy
