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

// Reads them from authority.key, authority.crt, board.key and board.crt in `folder`. NotFound: none
// were made yet. DataLoss, with a remedy: they are damaged, or of another board.
absl::StatusOr<BoardCredentials> OpenBoardCredentials(const std::string& folder,
                                                      const std::string& board_id);
// Makes them (mode 0600) where there are none yet, else as Open. One caller at a time.
absl::StatusOr<BoardCredentials> MakeBoardCredentials(const std::string& folder,
                                                      const std::string& board_id);
// As they are, unchecked. NotFound: none were made yet.
absl::StatusOr<BoardCredentials> ReadBoardCredentials(const std::string& folder);

}  // namespace synergy
