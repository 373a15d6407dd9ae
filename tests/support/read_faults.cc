#include "tests/support/read_faults.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace synergy {
namespace {

struct State {
  ReadFaults::OnRead on_read;
  std::string fail_end;
  int fail_error = 0;
  int reads = 0;
};
State* state = nullptr;  // of the one that is installed

// The errno of a read of `fd`.
int Fault(int fd) {
  struct stat file = {};
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
  ++state->reads;
  if (file.st_nlink == 0) return ENODEV;
  char buffer[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t n = readlink(link.c_str(), buffer, sizeof(buffer));
  const std::string path(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  if (state->fail_error != 0 && path.ends_with(state->fail_end)) {
    return std::exchange(state->fail_error, 0);
  }
  return state->on_read ? state->on_read(path) : 0;
}

}  // namespace

ReadFaults::ReadFaults() {
  if (state != nullptr) std::abort();
  state = new State;
}
ReadFaults::~ReadFaults() { delete std::exchange(state, nullptr); }
void ReadFaults::Set(OnRead on_read) { state->on_read = std::move(on_read); }
void ReadFaults::FailNext(const std::string& path_end, int error) {
  state->fail_end = path_end;
  state->fail_error = error;
}
int ReadFaults::reads() const { return state->reads; }

ssize_t ReadAt(int fd, void* buffer, size_t size, off_t offset) {
  if (state != nullptr) {
    if (const int error = Fault(fd); error != 0) {
      errno = error;
      return -1;
    }
  }
  return syscall(SYS_pread64, fd, buffer, size, offset);
}

}  // namespace synergy

extern "C" ssize_t pread(int fd, void* buffer, size_t size, off_t offset) {
  return synergy::ReadAt(fd, buffer, size, offset);
}
extern "C" ssize_t pread64(int fd, void* buffer, size_t size, off64_t offset) {
  return synergy::ReadAt(fd, buffer, size, offset);
}
