// Whether a descriptor that a front hands over can be trusted to answer.
#pragma once

namespace synergy {

// Whether reading from `fd` can only mean reading memory: a file of tmpfs or a memfd. A front could
// hand over a file whose reads it answers itself, late or never.
bool IsMemoryFile(int fd);

}  // namespace synergy
