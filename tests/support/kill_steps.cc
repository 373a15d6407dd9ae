#include "tests/support/kill_steps.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdarg>

namespace synergy {
namespace {

long g_steps = 0;
long g_kill_at = 0;

}  // namespace

void KillAtStep(long step) {
  g_steps = 0;
  g_kill_at = step;
}

long StepsTaken() { return g_steps; }

void KillStep() {
  ++g_steps;
  if (g_steps == g_kill_at) kill(getpid(), SIGKILL);
}

}  // namespace synergy

// The linker (--wrap) sends the calls of our own code here.
extern "C" {

int __real_open(const char* path, int flags, ...);
ssize_t __real_write(int fd, const void* data, size_t size);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);

int __wrap_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    synergy::KillStep();
  }
  return __real_open(path, flags, mode);
}

ssize_t __wrap_write(int fd, const void* data, size_t size) {
  synergy::KillStep();
  return __real_write(fd, data, size);
}

// What a killed process has written, the kernel has: the disk has no part in it.
int __wrap_fsync(int) {
  synergy::KillStep();
  return 0;
}

int __wrap_rename(const char* from, const char* to) {
  synergy::KillStep();
  return __real_rename(from, to);
}

int __wrap_unlink(const char* path) {
  synergy::KillStep();
  return __real_unlink(path);
}

}  // extern "C"
