#pragma once

// The two functions of libcpuinfo that Caffe2's thread pool calls. Debian's libcpuinfo-dev cannot
// be installed for two architectures at once, which cross builds need.

#include <stdint.h>
#include <unistd.h>

static inline bool cpuinfo_initialize(void) { return true; }

static inline uint32_t cpuinfo_get_processors_count(void) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<uint32_t>(online) : 1u;
}
