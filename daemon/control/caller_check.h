// Who may ask the root side for what, whatever the front has allowed already.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "daemon/access/audit_log.h"
#include "daemon/jobs/job_owner.h"
#include "synergy/v1/access.pb.h"
#include "synergy/v1/control.pb.h"

namespace synergy {

// PermissionDenied, with the role that is missing; Unauthenticated: nobody asks, or a client that
// `clients` does not know or has revoked.
absl::Status CheckCallerUntrusted(const v1::ControlRequest& request, const v1::ClientBook& clients);

// Whose what he asks for is to be. Of a caller that was checked.
JobOwner OwnerOf(const v1::ControlRequest& request, const v1::ClientBook& clients);

// What the audit log is to say: who asks for what. Nothing: it does not change the board.
std::optional<AuditEntry> AuditOf(const v1::ControlRequest& request, const v1::ClientBook& clients);

}  // namespace synergy
