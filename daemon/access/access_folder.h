// Who may come over the network: the board's certificates, the clients that were paired, and the
// pairing that is open. All of it is files in one folder, which the daemon and the commands
// `synergyd credentials`, `pair` and `clients` change alike.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/access/audit_log.h"
#include "daemon/access/board_credentials.h"
#include "synergy/v1/access.pb.h"

namespace synergy {

// Since the machine has booted, which is the only time that a board is sure of.
struct BootTime {
  std::string boot_id;
  int64_t ns = 0;  // CLOCK_BOOTTIME
};
BootTime BootTimeNow();

// Whose jobs, records and leases are the client's: its own id, or that of the first whom it and
// those before it have replaced.
inline const std::string& OwnerIdOf(const v1::ClientRecord& client) {
  return client.heir_of().empty() ? client.id() : client.heir_of();
}

// Whether a client that is not revoked owns what is `owner_id`'s.
bool IsOwned(const v1::ClientBook& clients, std::string_view owner_id);

// Thread-safe, and safe beside other processes.
class AccessFolder {
 public:
  static constexpr int64_t kPairingNs = int64_t{600} * 1'000'000'000;  // ten minutes
  static constexpr uint32_t kMaxWrongTries = 5;
  static constexpr int kMaxClients = 200;  // that are not revoked

  // `state`/access, made (mode 0700) where the state folder exists. FailedPrecondition: it belongs
  // to another user; NotFound: there is no state folder.
  static absl::StatusOr<std::unique_ptr<AccessFolder>> Open(
      const std::string& state, std::function<BootTime()> now = BootTimeNow);

  const std::string& path() const { return path_; }

  // Makes the board's certificates where there are none. False: there were. Errors as of
  // MakeBoardCredentials.
  absl::StatusOr<bool> MakeCredentials(const std::string& board_id);
  // Opens a pairing for one client, which ends another that is open; its code. NotFound: the board
  // has no certificates yet. `replaces`: the id of the client whose heir the new one is, with all
  // that it has on the board; "": nobody's.
  absl::StatusOr<std::string> OpenPairing(v1::Role role, const std::string& replaces = "");
  // Signs a certificate for whoever knows the secret of the open pairing, and ends that. NotFound:
  // none is open. PermissionDenied: another secret; the fifth ends the pairing. Whom the new client
  // replaces is revoked.
  absl::StatusOr<v1::PairResponse> PairUntrusted(const v1::PairRequest& request);

  // As Refresh has read them last, the revoked ones too.
  v1::ClientBook clients() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Reads the clients again. After an error nobody may come.
  absl::Status Refresh() ABSL_LOCKS_EXCLUDED(mutex_);
  // The client of that id or its beginning, also a revoked one. Errors as of Revoke.
  absl::StatusOr<v1::ClientRecord> Find(std::string_view id) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Takes the client's access away, for good. NotFound: there is none of that id or its beginning;
  // FailedPrecondition: several.
  absl::StatusOr<v1::ClientRecord> Revoke(std::string_view id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds a line to audit.log.
  void Audit(const AuditEntry& entry) { audit_.Add(entry, now_().ns); }

 private:
  AccessFolder(std::string path, std::function<BootTime()> now)
      : path_(std::move(path)), now_(std::move(now)), audit_(path_) {}
  absl::StatusOr<v1::OpenPairing> TakeSecretUntrusted(std::string_view secret);
  absl::StatusOr<v1::ClientBook> ReadClients() const;
  absl::Status WriteClients(const v1::ClientBook& book) const;

  const std::string path_;
  const std::function<BootTime()> now_;
  AuditLog audit_;
  mutable absl::Mutex mutex_;
  v1::ClientBook clients_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace synergy
