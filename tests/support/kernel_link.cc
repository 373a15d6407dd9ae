#include "tests/support/kernel_link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "tests/support/kill_steps.h"

namespace synergy {
namespace {

constexpr size_t kMaxMessage = 64 << 10;

// "" at the end.
std::string Receive(int fd) {
  std::string message(kMaxMessage, '\0');
  ssize_t n = 0;
  do {
    n = recv(fd, message.data(), message.size(), 0);
  } while (n < 0 && errno == EINTR);
  message.resize(n < 0 ? 0 : static_cast<size_t>(n));
  return message;
}

bool Send(int fd, const std::string& message) {
  return send(fd, message.data(), message.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

// A digit or more of the code, a space, the text.
std::string Encode(const absl::Status& status, const std::string& text) {
  return fmt::format("{} {}", static_cast<int>(status.code()),
                     status.ok() ? text : std::string(status.message()));
}
std::string Encode(const absl::StatusOr<std::string>& text) {
  return Encode(text.status(), text.value_or(""));
}

}  // namespace

absl::StatusOr<std::string> RemoteKernel::Ask(char verb, const std::string& path,
                                              const std::string& value) {
  if (!Send(fd_, verb + path + '\n' + value)) _exit(3);
  const std::string answer = Receive(fd_);
  const size_t space = answer.find(' ');
  if (space == std::string::npos) _exit(3);
  const int code = std::atoi(answer.c_str());
  const std::string text = answer.substr(space + 1);
  if (code == 0) return text;
  return absl::Status(static_cast<absl::StatusCode>(code), text);
}

absl::StatusOr<std::string> RemoteKernel::Read(const std::string& path) {
  return Ask('r', path, "");
}
absl::Status RemoteKernel::Write(const std::string& path, const std::string& value) {
  KillStep();
  return Ask('w', path, value).status();
}
std::vector<std::string> RemoteKernel::List(const std::string& folder) {
  std::vector<std::string> names;
  const std::string text = Ask('l', folder, "").value_or("");
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    names.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return names;
}
absl::StatusOr<std::string> RemoteKernel::Resolve(const std::string& path) {
  return Ask('p', path, "");
}
void RemoteKernel::Tell(const std::string& text) {
  if (!Ask('t', text, "").ok()) _exit(3);
}

Served ServeOne(FakeKernel& kernel, int fd, std::string* told) {
  const std::string request = Receive(fd);
  const size_t end = request.find('\n');
  if (end == std::string::npos) return Served::kEnd;
  const std::string path = request.substr(1, end - 1);
  std::string answer;
  switch (request.front()) {
    case 'r':
      answer = Encode(kernel.Read(path));
      break;
    case 'w':
      answer = Encode(kernel.Write(path, request.substr(end + 1)), "");
      break;
    case 'l':
      for (const std::string& name : kernel.List(path)) answer += name + '\n';
      answer = Encode(absl::OkStatus(), answer);
      break;
    case 'p':
      answer = Encode(kernel.Resolve(path));
      break;
    default:
      *told = path;
      answer = Encode(absl::OkStatus(), "");
  }
  // Where the child has been killed meanwhile, the next request is the end.
  (void)Send(fd, answer);
  return request.front() == 't' ? Served::kTold : Served::kAnswered;
}

}  // namespace synergy
