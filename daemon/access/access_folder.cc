#include "daemon/access/access_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "common/files.h"
#include "common/pairing_code.h"
#include "common/printable.h"
#include "common/sha256.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "google/protobuf/text_format.h"

namespace synergy {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 64;

// One process at a time changes the folder, as long as this lives.
absl::StatusOr<UniqueFd> Lock(const std::string& folder) {
  const std::string file = folder + "/lock";
  UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return FileError("Opening", file, errno);
  while (flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return FileError("Locking", file, errno);
  }
  return fd;
}

template <typename Message>
absl::StatusOr<Message> ReadText(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
  if (!text.ok()) return text.status();
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(*text, &message)) {
    return absl::DataLossError(
        fmt::format("Reading {}: it is damaged; restore it, or delete it and pair again", file));
  }
  return message;
}

absl::Status WriteText(const std::string& file, const google::protobuf::Message& message) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(message, &text);
  return ReplaceFile(file, text, Sync::kYes);
}

absl::Status Remove(const std::string& file) {
  if (unlink(file.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return FileError("Removing", file, errno);
}

std::string HashOf(std::string_view secret) {
  Sha256 hash;
  hash.Update(secret);
  return hash.Finish();
}

std::string NewClientId() {
  std::array<uint8_t, 8> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    std::abort();  // never, for so few bytes
  }
  return fmt::format("{:02x}", fmt::join(random, ""));
}

// Of those that `id` begins.
template <typename Condition>
absl::StatusOr<v1::ClientRecord*> FindIn(v1::ClientBook& book, std::string_view id,
                                         const char* which, Condition&& condition) {
  v1::ClientRecord* found = nullptr;
  for (v1::ClientRecord& client : *book.mutable_clients()) {
    if (id.empty() || !condition(client) || !client.id().starts_with(id)) continue;
    if (found != nullptr) {
      return absl::FailedPreconditionError(
          fmt::format("Several clients' ids begin with '{}': give more of it", id));
    }
    found = &client;
  }
  if (found != nullptr) return found;
  return absl::NotFoundError(
      fmt::format("No client{} has the id '{}': `synergyd clients list` shows them", which, id));
}

// Whose heir who replaces `id` is; "": nobody's. One host at a time has what the first of them had.
std::string RevokeReplaced(const std::string& id, v1::ClientBook* book) {
  std::string owner;
  for (const v1::ClientRecord& client : book->clients()) {
    if (!id.empty() && client.id() == id) owner = OwnerIdOf(client);
  }
  for (v1::ClientRecord& client : *book->mutable_clients()) {
    if (OwnerIdOf(client) == owner) client.set_revoked(true);
  }
  return owner;
}

absl::Status NoneIsOpen() {
  return absl::NotFoundError(
      "No pairing is open on this board: a code is valid once, for ten minutes, until the fifth "
      "wrong try. Have a new one printed there by `synergyd pair`");
}

}  // namespace

BootTime BootTimeNow() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return {.boot_id = ReadFile("/proc/sys/kernel/random/boot_id", 64).value_or(""),
          .ns = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

bool IsOwned(const v1::ClientBook& clients, std::string_view owner_id) {
  return std::ranges::any_of(clients.clients(), [&](const v1::ClientRecord& client) {
    return !client.revoked() && OwnerIdOf(client) == owner_id;
  });
}

absl::StatusOr<std::unique_ptr<AccessFolder>> AccessFolder::Open(const std::string& state,
                                                                 std::function<BootTime()> now) {
  struct stat info {};
  if (stat(state.c_str(), &info) != 0) {
    if (errno != ENOENT) return FileError("Looking at", state, errno);
    return absl::NotFoundError(fmt::format(
        "There is no state folder {}: give the --state that synergyd was started with", state));
  }
  if (info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        fmt::format("The state folder {} belongs to user {}, who runs synergyd there: run this as "
                    "that user (root: with sudo)",
                    state, info.st_uid));
  }
  const std::string path = state + "/access";
  if (absl::Status made = MakeFolder(path, 0700); !made.ok()) return made;
  std::unique_ptr<AccessFolder> folder(new AccessFolder(path, std::move(now)));
  if (absl::Status read = folder->Refresh(); !read.ok()) return read;
  return folder;
}

absl::StatusOr<bool> AccessFolder::MakeCredentials(const std::string& board_id) {
  const absl::StatusOr<UniqueFd> lock = Lock(path_);
  if (!lock.ok()) return lock.status();
  const bool missing = absl::IsNotFound(ReadBoardCredentials(path_).status());
  if (absl::Status made = MakeBoardCredentials(path_, board_id).status(); !made.ok()) return made;
  return missing;
}

absl::StatusOr<std::string> AccessFolder::OpenPairing(v1::Role role, const std::string& replaces) {
  const absl::StatusOr<UniqueFd> lock = Lock(path_);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<BoardCredentials> credentials = ReadBoardCredentials(path_);
  if (absl::IsNotFound(credentials.status())) {
    return absl::NotFoundError(
        fmt::format("This board has no certificates yet (in {}): make them with `synergyd "
                    "credentials`, and start synergyd with --listen ADDRESS[:PORT], such as "
                    "--listen 0.0.0.0",
                    path_));
  }
  if (!credentials.ok()) return credentials.status();
  const absl::StatusOr<std::string> key = PublicKeySha256(credentials->board.certificate);
  if (!key.ok()) return key.status();
  const std::string secret = MakePairingSecret();
  const BootTime now = now_();
  v1::OpenPairing pairing;
  pairing.set_secret_sha256(HashOf(secret));
  pairing.set_role(role);
  pairing.set_replaces(replaces);
  pairing.set_boot_id(now.boot_id);
  pairing.set_end_ns(now.ns + kPairingNs);
  if (absl::Status written = WriteText(path_ + "/pairing", pairing); !written.ok()) return written;
  return PairingKeyLetters(*key) + secret;
}

absl::StatusOr<v1::OpenPairing> AccessFolder::TakeSecretUntrusted(std::string_view secret) {
  const std::string file = path_ + "/pairing";
  absl::StatusOr<v1::OpenPairing> pairing = ReadText<v1::OpenPairing>(file);
  if (absl::IsNotFound(pairing.status())) return NoneIsOpen();
  if (!pairing.ok()) return pairing.status();
  const BootTime now = now_();
  if (pairing->boot_id() != now.boot_id || now.ns >= pairing->end_ns()) {
    if (absl::Status removed = Remove(file); !removed.ok()) return removed;
    return NoneIsOpen();
  }
  if (HashOf(secret) == pairing->secret_sha256()) {
    if (absl::Status removed = Remove(file); !removed.ok()) return removed;
    return pairing;
  }
  pairing->set_wrong_tries(pairing->wrong_tries() + 1);
  const bool over = pairing->wrong_tries() >= kMaxWrongTries;
  const absl::Status counted = over ? Remove(file) : WriteText(file, *pairing);
  if (!counted.ok()) return counted;
  return absl::PermissionDeniedError(
      over ? "The code is wrong, for the fifth time: this pairing is over. Have a new code printed "
             "by `synergyd pair` on the board"
           : "The code is wrong: paste it as `synergyd pair` has printed it on the board");
}

absl::StatusOr<v1::PairResponse> AccessFolder::PairUntrusted(const v1::PairRequest& request) {
  const absl::StatusOr<UniqueFd> lock = Lock(path_);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<v1::OpenPairing> pairing = TakeSecretUntrusted(request.secret());
  if (!pairing.ok()) return pairing.status();
  const absl::StatusOr<BoardCredentials> credentials = ReadBoardCredentials(path_);
  if (!credentials.ok()) return credentials.status();
  absl::StatusOr<v1::ClientBook> book = ReadClients();
  if (!book.ok()) return book.status();
  const std::string heir_of = RevokeReplaced(pairing->replaces(), &*book);
  int living = 0;
  for (const v1::ClientRecord& client : book->clients()) living += client.revoked() ? 0 : 1;
  if (living >= kMaxClients) {
    return absl::ResourceExhaustedError(fmt::format(
        "This board knows {} clients already: revoke some by `synergyd clients revoke`", living));
  }
  v1::ClientRecord& client = *book->add_clients();
  client.set_id(NewClientId());
  client.set_name(Printable(request.client_name(), kMaxNameBytes));
  client.set_role(pairing->role());
  client.set_heir_of(heir_of);
  client.set_paired_unix_s(time(nullptr));
  absl::StatusOr<std::string> certificate =
      SignClientUntrusted(credentials->authority, request.certificate_request_pem(), client.id());
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<std::string> board_id =
      IdOfCertificate(credentials->board.certificate, kBoardUri);
  if (!board_id.ok()) return board_id.status();
  if (absl::Status written = WriteClients(*book); !written.ok()) return written;
  v1::PairResponse response;
  response.set_certificate_pem(*std::move(certificate));
  response.set_authority_pem(credentials->authority.certificate);
  response.set_board_id(*board_id);
  response.set_client_id(client.id());
  response.set_role(pairing->role());
  if (absl::Status read = Refresh(); !read.ok()) return read;
  return response;
}

v1::ClientBook AccessFolder::clients() const {
  const absl::MutexLock lock(&mutex_);
  return clients_;
}

absl::Status AccessFolder::Refresh() {
  const absl::StatusOr<v1::ClientBook> book = ReadClients();
  const absl::MutexLock lock(&mutex_);
  clients_ = book.ok() ? *book : v1::ClientBook();
  return book.status();
}

absl::StatusOr<v1::ClientRecord> AccessFolder::Find(std::string_view id) const {
  v1::ClientBook book = clients();
  const auto found = FindIn(book, id, "", [](const v1::ClientRecord&) { return true; });
  if (!found.ok()) return found.status();
  return **found;
}

absl::StatusOr<v1::ClientRecord> AccessFolder::Revoke(std::string_view id) {
  const absl::StatusOr<UniqueFd> lock = Lock(path_);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<v1::ClientBook> book = ReadClients();
  if (!book.ok()) return book.status();
  const absl::StatusOr<v1::ClientRecord*> found =
      FindIn(*book, id, " that may come",
             [](const v1::ClientRecord& client) { return !client.revoked(); });
  if (!found.ok()) return found.status();
  (*found)->set_revoked(true);
  const v1::ClientRecord revoked = **found;
  if (absl::Status written = WriteClients(*book); !written.ok()) return written;
  if (absl::Status read = Refresh(); !read.ok()) return read;
  return revoked;
}

absl::StatusOr<v1::ClientBook> AccessFolder::ReadClients() const {
  absl::StatusOr<v1::ClientBook> book = ReadText<v1::ClientBook>(path_ + "/clients");
  return absl::IsNotFound(book.status()) ? v1::ClientBook() : book;
}

absl::Status AccessFolder::WriteClients(const v1::ClientBook& book) const {
  return WriteText(path_ + "/clients", book);
}

}  // namespace synergy
