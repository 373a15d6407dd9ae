#include "daemon/worker/launch_error.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace synergy {

void Fail(int status, const char* format, ...) {
  std::fputs("synergy-launcher: ", stderr);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::exit(status);
}

void Require(bool ok, const char* what) {
  if (!ok) Fail(kExitNotPrepared, "%s: %s", what, std::strerror(errno));
}

}  // namespace synergy
