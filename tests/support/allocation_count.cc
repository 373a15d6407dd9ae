#include "tests/support/allocation_count.h"

#include <cstdlib>
#include <new>

namespace synergy {
namespace {

thread_local int64_t count = 0;

}  // namespace

int64_t AllocationCount() { return count; }

void* CountedAllocation(size_t size) {
  ++count;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace synergy

void* operator new(size_t size) { return synergy::CountedAllocation(size); }
void* operator new[](size_t size) { return synergy::CountedAllocation(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
