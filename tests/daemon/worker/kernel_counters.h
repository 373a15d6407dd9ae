// Counters of the kernel's own events, which are there on every machine, and what they count.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/counters/event_groups.h"
#include "daemon/worker/event_counters.h"
#include "gtest/gtest.h"

namespace synergy {

inline constexpr size_t kTouchedPages = 200;

// Meets a page fault in each of them.
inline void TouchPages() {
  const size_t bytes = kTouchedPages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < bytes; i += bytes / kTouchedPages) {
    static_cast<volatile char*>(memory)[i] = 1;
  }
  munmap(memory, bytes);
}

// Opened for those threads; null where this machine does not let us, and the test is to be skipped.
inline std::unique_ptr<EventCounters> OpenKernelCounters(const std::vector<uint32_t>& sizes,
                                                         const std::vector<std::string>& names,
                                                         bool of_all_threads,
                                                         const std::vector<pid_t>& threads) {
  EventGroups groups{.events = {}, .sizes = sizes};
  const EventCatalog catalog = EventCatalog::Read("/nowhere", {0}).value();
  for (const std::string& name : names) groups.events.push_back(catalog.Find(name).value());
  auto opened = OpenEvents(groups, threads, "?", RealPerfKernel());
  if (!opened.ok()) return nullptr;
  v1::WorkerCommand::Count count;
  count.mutable_group_events()->Assign(sizes.begin(), sizes.end());
  count.mutable_threads()->Assign(threads.begin(), threads.end());
  auto counters = EventCounters::Make(count, std::move(opened->fds), of_all_threads);
  EXPECT_TRUE(counters.ok()) << counters.status();
  return std::make_unique<EventCounters>(*std::move(counters));
}

}  // namespace synergy
