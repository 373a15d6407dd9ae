#include "client/net/host_address.h"

#include <arpa/inet.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "common/protocol.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

absl::Status NoSuchForm(std::string_view host, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' is no host: {}; a host is unix:PATH or NAME[:PORT], such as "
                  "unix:/run/synergy/synergyd.sock, "
                  "tx1.local or [fe80::1%eth0]:{}",
                  host, why, kDefaultPort));
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool IsIpv6(std::string_view text) {
  in6_addr address;
  const std::string without_scope(text.substr(0, text.find('%')));
  return inet_pton(AF_INET6, without_scope.c_str(), &address) == 1;
}

absl::StatusOr<HostAddress> ParseUnix(std::string_view host, std::string_view path) {
  if (path.empty()) return NoSuchForm(host, "the path is missing");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return NoSuchForm(host, fmt::format("the path is longer than the {} bytes of a socket's name",
                                        sizeof(sockaddr_un::sun_path) - 1));
  }
  return UnixAddress{.path = std::string(path)};
}

}  // namespace

absl::StatusOr<HostAddress> ParseHost(std::string_view host) {
  if (host.starts_with(kUnixPrefix)) return ParseUnix(host, host.substr(kUnixPrefix.size()));
  if (host.empty()) return NoSuchForm(host, "it is empty");
  if (host.find('/') != std::string_view::npos) {
    return NoSuchForm(host, fmt::format("for a socket's path write unix:{}", host));
  }
  if (IsIpv6(host)) return TcpAddress{.name = std::string(host), .port = kDefaultPort};

  std::string_view name = host, rest;
  if (host.front() == '[') {
    const size_t end = host.find(']');
    if (end == std::string_view::npos || !IsIpv6(host.substr(1, end - 1))) {
      return NoSuchForm(host, "there is no IPv6 address between brackets");
    }
    name = host.substr(1, end - 1);
    rest = host.substr(end + 1);
  } else if (const size_t colon = host.find(':'); colon != std::string_view::npos) {
    name = host.substr(0, colon);
    rest = host.substr(colon);
  }
  if (name.empty()) return NoSuchForm(host, "the name is missing");
  if (rest.empty()) return TcpAddress{.name = std::string(name), .port = kDefaultPort};
  const std::optional<uint16_t> port =
      rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port) return NoSuchForm(host, "the port is no number from 1 to 65535");
  return TcpAddress{.name = std::string(name), .port = *port};
}

std::string HostPort(const TcpAddress& address) {
  return address.name.find(':') == std::string::npos
             ? fmt::format("{}:{}", address.name, address.port)
             : fmt::format("[{}]:{}", address.name, address.port);
}

std::string DefaultHost() {
  if (const char* host = getenv("SYNERGY_HOST"); host != nullptr && *host != '\0') return host;
  const std::string system = "/run/synergy/synergyd.sock";
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  if (access(system.c_str(), F_OK) != 0 && runtime != nullptr && *runtime != '\0') {
    const std::string own = fmt::format("{}/synergy/synergyd.sock", runtime);
    if (access(own.c_str(), F_OK) == 0) return fmt::format("unix:{}", own);
  }
  return fmt::format("unix:{}", system);
}

}  // namespace synergy
