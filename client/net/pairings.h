// The boards that this user is paired with: a file each under XDG config, readable by the user
// alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

// synergy/boards under XDG_CONFIG_HOME, or under ~/.config. FailedPrecondition: neither
// XDG_CONFIG_HOME nor HOME is set.
absl::StatusOr<std::string> PairingsFolder();

// DataLoss: a file is damaged.
absl::StatusOr<std::vector<v1::PairedBoard>> ReadPairings();
// Before a code is spent: whether a pairing could be stored now. Errors as of StorePairing.
absl::Status CheckPairingsFolder();
// Replaces what there was of the board (mode 0600), but for the hosts by which it is known. They
// are no other board's any more. FailedPrecondition: a board of that id is known, but of another
// authority.
absl::Status StorePairing(const v1::PairedBoard& board);
// Of the host (NAME:PORT) or the board of that id; which it was. NotFound: none is paired.
absl::StatusOr<v1::PairedBoard> RemovePairing(std::string_view host_or_id);

// The board that was paired as `host` (NAME:PORT); null: none was.
const v1::PairedBoard* PairingNamed(const std::vector<v1::PairedBoard>& boards,
                                    std::string_view host);
// The pairing to speak by with the board `board_id`, which seems to answer at `host` (NAME:PORT).
// FailedPrecondition: that host is another board's; Unauthenticated: nobody is paired with it.
absl::StatusOr<v1::PairedBoard> FindPairing(const std::vector<v1::PairedBoard>& boards,
                                            std::string_view host, std::string_view board_id);

}  // namespace synergy
