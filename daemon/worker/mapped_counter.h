// An event's counter, read in user mode (perf_event_open(2), "Using rdpmc"; on arm64
// Documentation/arm64/perf.rst, "PERF Userspace PMU Hardware Counter Access").
#pragma once

#include <cstdint>

struct perf_event_mmap_page;

namespace synergy {

// Move-only; not mapped by default.
class MappedCounter {
 public:
  MappedCounter() = default;
  // Not mapped where the kernel does not let this event be read so.
  explicit MappedCounter(int fd);
  MappedCounter(MappedCounter&& other) noexcept;
  MappedCounter& operator=(MappedCounter&&) = delete;
  ~MappedCounter();

  bool mapped() const { return page_ != nullptr; }

  struct Reading {
    uint64_t count = 0;
    uint64_t enabled_ns = 0, running_ns = 0;  // when it came onto the counter
  };
  // Of the calling thread's event. False: it is not on a counter now, so nothing was read.
  bool Read(Reading* reading) const;

 private:
  const perf_event_mmap_page* page_ = nullptr;
};

}  // namespace synergy
