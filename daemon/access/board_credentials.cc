#include "daemon/access/board_credentials.h"

#include <utility>

#include "common/files.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kMaxPemBytes = 16 << 10;

absl::StatusOr<CertifiedKey> ReadPair(const std::string& folder, const char* name) {
  absl::StatusOr<std::string> certificate =
      ReadFile(fmt::format("{}/{}.crt", folder, name), kMaxPemBytes);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadFile(fmt::format("{}/{}.key", folder, name), kMaxPemBytes);
  if (!key.ok()) return key.status();
  return CertifiedKey{.key = *std::move(key), .certificate = *std::move(certificate)};
}

absl::Status WritePair(const std::string& folder, const char* name, const CertifiedKey& pair) {
  absl::Status written = ReplaceFile(fmt::format("{}/{}.key", folder, name), pair.key, Sync::kYes);
  if (!written.ok()) return written;
  return ReplaceFile(fmt::format("{}/{}.crt", folder, name), pair.certificate, Sync::kYes);
}

absl::StatusOr<BoardCredentials> Make(const std::string& folder, const std::string& board_id) {
  absl::StatusOr<CertifiedKey> authority = MakeAuthority(board_id);
  if (!authority.ok()) return authority.status();
  absl::StatusOr<CertifiedKey> board = MakeBoardCertificate(*authority, board_id);
  if (!board.ok()) return board.status();
  // board.crt comes last: with it they are complete.
  absl::Status written = WritePair(folder, "authority", *authority);
  if (written.ok()) written = WritePair(folder, "board", *board);
  if (!written.ok()) return written;
  return BoardCredentials{.authority = *std::move(authority), .board = *std::move(board)};
}

absl::Status Damaged(const std::string& folder, const absl::Status& why) {
  return absl::DataLossError(fmt::format(
      "The board's certificates in {} cannot be used ({}): restore them; or delete the folder and "
      "make new ones with `synergyd credentials`, whereupon every client must be paired again",
      folder, std::string(why.message())));
}

}  // namespace

absl::StatusOr<BoardCredentials> ReadBoardCredentials(const std::string& folder) {
  absl::StatusOr<CertifiedKey> board = ReadPair(folder, "board");
  if (!board.ok()) return board.status();
  absl::StatusOr<CertifiedKey> authority = ReadPair(folder, "authority");
  if (!authority.ok()) return Damaged(folder, authority.status());
  return BoardCredentials{.authority = *std::move(authority), .board = *std::move(board)};
}

absl::StatusOr<BoardCredentials> OpenBoardCredentials(const std::string& folder,
                                                      const std::string& board_id) {
  const absl::Status there = OpenForReading(folder + "/board.crt").status();
  if (!there.ok()) return there;
  absl::StatusOr<BoardCredentials> read = ReadBoardCredentials(folder);
  if (absl::IsDataLoss(read.status())) return read;  // which says so itself
  if (!read.ok()) return Damaged(folder, read.status());
  absl::Status fits =
      CheckCertificate(read->board.certificate, read->board.key, read->authority.certificate);
  if (fits.ok()) {
    fits = CheckCertificate(read->authority.certificate, read->authority.key,
                            read->authority.certificate);
  }
  if (!fits.ok()) return Damaged(folder, fits);
  const absl::StatusOr<std::string> id = IdOfCertificate(read->board.certificate, kBoardUri);
  if (!id.ok() || *id != board_id) {
    return Damaged(folder, absl::FailedPreconditionError(
                               fmt::format("they are of the board {}, this one is {}",
                                           id.ok() ? *id : "without a name", board_id)));
  }
  return read;
}

absl::StatusOr<BoardCredentials> MakeBoardCredentials(const std::string& folder,
                                                      const std::string& board_id) {
  absl::StatusOr<BoardCredentials> there = OpenBoardCredentials(folder, board_id);
  return absl::IsNotFound(there.status()) ? Make(folder, board_id) : there;
}

}  // namespace synergy
