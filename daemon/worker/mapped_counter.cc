#include "daemon/worker/mapped_counter.h"

#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <utility>

namespace synergy {
namespace {

#if defined(__x86_64__)
bool ReadHardware(uint32_t index, uint64_t* value) {
  *value = __builtin_ia32_rdpmc(static_cast<int>(index));
  return true;
}
#elif defined(__aarch64__)
#define SYNERGY_EVENT_COUNTER(n)                               \
  case n:                                                      \
    asm volatile("mrs %0, pmevcntr" #n "_el0" : "=r"(*value)); \
    return true;
// The cycle counter is number 31; the others are as many as the processor has, seldom above 8.
bool ReadHardware(uint32_t index, uint64_t* value) {
  switch (index) {
    SYNERGY_EVENT_COUNTER(0)
    SYNERGY_EVENT_COUNTER(1)
    SYNERGY_EVENT_COUNTER(2)
    SYNERGY_EVENT_COUNTER(3)
    SYNERGY_EVENT_COUNTER(4)
    SYNERGY_EVENT_COUNTER(5)
    SYNERGY_EVENT_COUNTER(6)
    SYNERGY_EVENT_COUNTER(7)
    SYNERGY_EVENT_COUNTER(8)
    SYNERGY_EVENT_COUNTER(9)
    case 31:
      asm volatile("mrs %0, pmccntr_el0" : "=r"(*value));
      return true;
    default:
      return false;
  }
}
#undef SYNERGY_EVENT_COUNTER
#else
bool ReadHardware(uint32_t, uint64_t*) { return false; }
#endif

size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

MappedCounter::MappedCounter(int fd) {
  void* const page = mmap(nullptr, PageBytes(), PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return;
  page_ = static_cast<const perf_event_mmap_page*>(page);
  if (page_->cap_user_rdpmc != 0) return;
  munmap(page, PageBytes());
  page_ = nullptr;
}

MappedCounter::MappedCounter(MappedCounter&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)) {}

MappedCounter::~MappedCounter() {
  if (page_ != nullptr) munmap(const_cast<perf_event_mmap_page*>(page_), PageBytes());
}

bool MappedCounter::Read(Reading* reading) const {
  const volatile perf_event_mmap_page& page = *page_;
  uint32_t lock = 0;
  do {  // the kernel changes `lock` around what it writes
    lock = page.lock;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const uint32_t index = page.index;
    if (index == 0) return false;
    uint64_t value = 0;
    if (!ReadHardware(index - 1, &value)) return false;
    const int unused = 64 - page.pmc_width;
    // Counters are narrower than 64 bits and negative at first.
    const auto counted = static_cast<uint64_t>(static_cast<int64_t>(value << unused) >> unused);
    reading->count = static_cast<uint64_t>(page.offset) + counted;
    reading->enabled_ns = page.time_enabled;
    reading->running_ns = page.time_running;
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } while (page.lock != lock);
  return true;
}

}  // namespace synergy
