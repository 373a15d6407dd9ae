#include "daemon/control/caller_check.h"

#include <pwd.h>

#include <optional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/printable.h"
#include "common/roles.h"
#include "daemon/access/access_folder.h"
#include "fmt/format.h"

namespace synergy {
namespace {

struct Need {
  std::string_view what;
  std::optional<v1::Role> role;  // nothing: anybody
};

Need NeedOf(const v1::ControlRequest& request) {
  switch (request.request_case()) {
    case v1::ControlRequest::kSubmit:
      return {"submitting a job", v1::ROLE_RUN};
    case v1::ControlRequest::kCancel:
      return {"cancelling a job", v1::ROLE_RUN};
    case v1::ControlRequest::kOpenRun:
      return {"reading a run", v1::ROLE_RUN};
    case v1::ControlRequest::kAcknowledge:
      return {"acknowledging a run", v1::ROLE_RUN};
    case v1::ControlRequest::kOpenTruth:
      return {"reading a run's truth", v1::ROLE_RUN};
    case v1::ControlRequest::kOpenOutputs:
      return {"reading a run's outputs", v1::ROLE_RUN};
    case v1::ControlRequest::kOpenLog:
      return {"reading a run's log", v1::ROLE_RUN};
    case v1::ControlRequest::kDescribeQueue:
      return {"describing the queue", v1::ROLE_WATCH};
    case v1::ControlRequest::kGetJob:
      return {"asking for a job", v1::ROLE_WATCH};
    case v1::ControlRequest::kTakeLease:
      return {"taking a lease on the board", v1::ROLE_RUN};
    case v1::ControlRequest::kReleaseLease:
      return {"ending a lease on the board", v1::ROLE_RUN};
    case v1::ControlRequest::kQueryObject:
      return {"asking for an object", v1::ROLE_RUN};
    case v1::ControlRequest::kAppendObject:
      return {"sending an object", v1::ROLE_RUN};
    case v1::ControlRequest::kDescribeEngines:
    case v1::ControlRequest::kDescribeSources:
      return {"describing the board", v1::ROLE_WATCH};
    case v1::ControlRequest::kGetClocks:
      return {"reading the clocks", v1::ROLE_WATCH};
    case v1::ControlRequest::kHoldClocks:
      return {"holding the clocks", v1::ROLE_RUN};
    case v1::ControlRequest::kDiagnose:
      return {"diagnosing the board", v1::ROLE_RUN};
    case v1::ControlRequest::kOpenPairing:
      return {"opening a pairing", v1::ROLE_ADMIN};
    case v1::ControlRequest::kGetQuotas:
      return {"reading the quotas", v1::ROLE_WATCH};
    case v1::ControlRequest::kSetQuotas:
      return {"setting quotas", v1::ROLE_ADMIN};
    // Putting back is always good, also for a client that was revoked meanwhile.
    case v1::ControlRequest::kReleaseClocks:
      return {"releasing the clocks", std::nullopt};
    // Also of a client that is not known.
    case v1::ControlRequest::kRefused:
      return {request.refused().from().empty() ? "calling" : "connecting", std::nullopt};
    // Who knows a pairing's secret need not be known.
    case v1::ControlRequest::kPair:
      return {"pairing", std::nullopt};
    case v1::ControlRequest::REQUEST_NOT_SET:
      return {"nothing", std::nullopt};  // refused as unknown
  }
  return {"something unknown", v1::ROLE_UNSPECIFIED};
}

const v1::ClientRecord* Find(const v1::ClientBook& clients, const std::string& id) {
  for (const v1::ClientRecord& client : clients.clients()) {
    if (client.id() == id && !client.revoked()) return &client;
  }
  return nullptr;
}

bool Changes(const v1::ControlRequest& request) {
  return request.has_submit() || request.has_cancel() || request.has_hold_clocks() ||
         request.has_release_clocks() || request.has_acknowledge() || request.has_open_pairing() ||
         request.has_take_lease() || request.has_release_lease() || request.has_set_quotas() ||
         request.has_append_object() || request.has_refused() ||
         (request.has_diagnose() && request.diagnose().try_clocks());
}

std::string QuotasText(const v1::SetQuotasRequest& request) {
  const std::string set = request.set().ShortDebugString();
  if (!request.reset()) return set;
  return set.empty() ? "back" : "back, then " + set;
}

std::string Subject(const v1::ControlRequest& request) {
  if (request.has_submit()) return request.submit().spec().net_name();
  if (request.has_cancel()) return request.cancel().run_id();
  if (request.has_open_pairing()) {
    return fmt::format("for the role {}", RoleName(request.open_pairing().role()));
  }
  if (request.has_acknowledge()) return request.acknowledge().run_id();
  if (request.has_take_lease()) {
    return fmt::format("{} for {:g} s", request.take_lease().id(), request.take_lease().for_s());
  }
  if (request.has_release_lease()) return request.release_lease().id();
  if (!request.refused().from().empty()) return "from " + request.refused().from();
  if (request.has_refused()) return request.refused().method();
  if (request.has_hold_clocks()) return fmt::format("({})", request.hold_clocks().hold());
  if (request.has_release_clocks()) return fmt::format("({})", request.release_clocks().hold());
  if (request.has_append_object()) {
    return fmt::format("of {} bytes, {}", request.append_object().object().bytes(),
                       absl::BytesToHexString(request.append_object().object().sha256()));
  }
  if (request.has_set_quotas()) return QuotasText(request.set_quotas());
  return "";
}

// As the board's users know him.
std::string UserName(uid_t uid) {
  passwd entry = {};
  passwd* found = nullptr;
  char buffer[4096];
  const bool known =
      getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != nullptr;
  return known ? fmt::format("user {}", Printable(entry.pw_name, 64)) : fmt::format("user {}", uid);
}

std::string WhoAsks(const v1::ControlRequest& request, const v1::ClientBook& clients) {
  const v1::ControlRequest::Caller& caller = request.caller();
  // All of them are one: their lines together are as many as one client's.
  if (!request.refused().from().empty()) return "a stranger";
  if (caller.client_id().empty()) return fmt::format("user {}", caller.uid());
  for (const v1::ClientRecord& client : clients.clients()) {
    if (client.id() != caller.client_id()) continue;
    return fmt::format("client {} ({}{})", client.id(), client.name(),
                       client.revoked() ? ", revoked" : "");
  }
  return "a client that is not known";
}

}  // namespace

JobOwner OwnerOf(const v1::ControlRequest& request, const v1::ClientBook& clients) {
  const v1::ControlRequest::Caller& caller = request.caller();
  if (caller.client_id().empty()) {
    return {fmt::format("uid:{}", caller.uid()), UserName(caller.uid()), caller.unix_role()};
  }
  const v1::ClientRecord* client = Find(clients, caller.client_id());
  if (client == nullptr) return {caller.client_id(), "a revoked client", v1::ROLE_UNSPECIFIED};
  // Names are the clients' own choice, and several may have the same.
  return {OwnerIdOf(*client),
          fmt::format("{} ({})", Printable(client->name(), 64), client->id().substr(0, 4)),
          client->role()};
}

absl::Status CheckCallerUntrusted(const v1::ControlRequest& request,
                                  const v1::ClientBook& clients) {
  const Need need = NeedOf(request);
  if (!need.role.has_value()) return absl::OkStatus();
  const v1::ControlRequest::Caller& caller = request.caller();
  if (caller.client_id().empty()) {
    if (caller.unix_role() != v1::ROLE_UNSPECIFIED) {
      return CheckRole(*need.role, caller.unix_role(), need.what, /*paired=*/false);
    }
    return absl::UnauthenticatedError("The front does not say who asks: it is refused");
  }
  const v1::ClientRecord* client = Find(clients, caller.client_id());
  if (client == nullptr) {
    return absl::UnauthenticatedError(
        "This board does not know the client, or has revoked it: pair again");
  }
  return CheckRole(*need.role, client->role(), need.what, /*paired=*/true);
}

std::optional<AuditEntry> AuditOf(const v1::ControlRequest& request,
                                  const v1::ClientBook& clients) {
  if (!Changes(request)) return std::nullopt;
  return AuditEntry{.who = WhoAsks(request, clients),
                    .what = std::string(NeedOf(request).what),
                    .subject = Subject(request),
                    .refused = request.refused().why()};
}

}  // namespace synergy
