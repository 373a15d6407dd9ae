// Descriptors beside the bytes of a Unix socket (SCM_RIGHTS, unix(7)).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/unique_fd.h"

namespace synergy {

inline constexpr size_t kMaxFdsAtOnce = 253;  // SCM_MAX_FD of the kernel

// Room for the descriptors of one packet, aligned as the kernel wants it.
union FdBuffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(kMaxFdsAtOnce * sizeof(int))];
};

// Makes the message carry them, of which there are 1 to kMaxFdsAtOnce.
void AttachFds(std::span<const int> fds, FdBuffer* buffer, msghdr* header);
// Takes every descriptor that came, so that none leaks whatever is thought of the packet
// afterwards.
void TakeFds(msghdr* header, std::vector<UniqueFd>* fds);

// Any number of them, behind what was written to the stream before. Blocks until the peer takes
// them; Unavailable: it is gone.
absl::Status SendFds(int socket, std::span<const int> fds);
// Exactly that many. ResourceExhausted: this process may have no more (RLIMIT_NOFILE); DataLoss:
// something else came.
absl::StatusOr<std::vector<UniqueFd>> ReceiveFds(int socket, size_t count);

}  // namespace synergy
