// The board's own authority and the certificate of its TLS server, on its disk.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/certificates.h"

namespace synergy {

struct BoardCredentials {
  CertifiedKey authority;
  CertifiedKey board;
};

// Reads them from authority.key, authority.crt, board.key and board.crt in `folder`; makes them
// (mode 0600) where there are none yet. DataLoss, with a remedy: they are damaged, or of another
// board.
absl::StatusOr<BoardCredentials> OpenBoardCredentials(const std::string& folder,
                                                      const std::string& board_id);
// NotFound: none were made yet.
absl::StatusOr<BoardCredentials> ReadBoardCredentials(const std::string& folder);

}  // namespace synergy
