#include "daemon/access_commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "common/files.h"
#include "common/roles.h"
#include "daemon/access/access_folder.h"
#include "daemon/access/pairing_host.h"
#include "daemon/installation.h"

namespace synergy {
namespace {

// Makes nothing: a folder in which no synergyd was at work stays as it is.
absl::StatusOr<std::unique_ptr<AccessFolder>> OpenAccess(const std::string& state) {
  struct stat info {};
  if (stat(state.c_str(), &info) == 0 && stat((state + "/access").c_str(), &info) != 0 &&
      errno == ENOENT) {
    return absl::NotFoundError(fmt::format(
        "No synergyd has worked in {} yet: give the --state that it was started with; or make the "
        "board's certificates with `synergyd credentials` and start it with --listen "
        "ADDRESS[:PORT], such as --listen 0.0.0.0",
        state));
  }
  return AccessFolder::Open(state);
}

// That of the daemon which works there, or will.
absl::StatusOr<std::string> BoardIdOf(const std::string& state) {
  absl::StatusOr<std::string> id = ReadBoardId(state);
  if (!absl::IsNotFound(id.status())) return id;
  const absl::StatusOr<StateFolder> folder = StateFolder::Open(state);
  if (!folder.ok()) return folder.status();
  return folder->BoardId();
}

absl::Status MakeCredentials(const std::string& state) {
  if (absl::Status made = MakeFolder(state, 0700); !made.ok()) return made;
  const auto access = AccessFolder::Open(state);
  if (!access.ok()) return access.status();
  const absl::StatusOr<std::string> board_id = BoardIdOf(state);
  if (!board_id.ok()) return board_id.status();
  const absl::StatusOr<bool> made = (*access)->MakeCredentials(*board_id);
  if (!made.ok()) return made.status();
  if (*made) {
    (*access)->Audit({.who = fmt::format("user {}", getuid()),
                      .what = "made certificates",
                      .subject = "of the board " + *board_id});
  }
  fmt::print("the board {} {} its certificates in {}\n", *board_id, *made ? "has" : "already had",
             (*access)->path());
  return absl::OkStatus();
}

// `role_name`: "" for that of whom the new client replaces, or run.
absl::Status Pair(const std::string& state, const std::string& role_name,
                  const std::string& replaces) {
  const std::optional<v1::Role> given = ParseRole(role_name);
  if (!given.has_value() && !role_name.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("--role: '{}' is no role; give watch, run or admin", role_name));
  }
  const auto access = OpenAccess(state);
  if (!access.ok()) return access.status();
  absl::StatusOr<v1::ClientRecord> old = v1::ClientRecord();
  if (!replaces.empty()) old = (*access)->Find(replaces);
  if (!old.ok()) return old.status();
  const v1::Role role = given.value_or(replaces.empty() ? v1::ROLE_RUN : old->role());
  const absl::StatusOr<std::string> host = PairingHost(**access);
  if (!host.ok()) return host.status();
  const absl::StatusOr<std::string> code = (*access)->OpenPairing(role, old->id());
  if (!code.ok()) return code.status();
  (*access)->Audit({.who = fmt::format("user {}", getuid()),
                    .what = "opened a pairing",
                    .subject = fmt::format("for the role {}{}", RoleName(role),
                                           old->id().empty() ? "" : " in place of " + old->id())});
  fmt::print("synergyctl pair {} {}\n", *host, *code);
  fmt::print(stderr,
             "valid once, for ten minutes, for the role {}; an earlier code that was not used is "
             "not valid any more\n",
             RoleName(role));
  if (!replaces.empty()) {
    fmt::print(stderr,
               "whoever uses it gets what {} ({}) has on this board, which is revoked then\n",
               old->id(), old->name());
  }
  return absl::OkStatus();
}

absl::Status List(const std::string& state) {
  const auto access = OpenAccess(state);
  if (!access.ok()) return access.status();
  const v1::ClientBook clients = (*access)->clients();
  for (const v1::ClientRecord& client : clients.clients()) {
    fmt::print("{}  {:<5}  {:%Y-%m-%d}  {}{}{}\n", client.id(), RoleName(client.role()),
               fmt::gmtime(client.paired_unix_s()), client.name(),
               client.heir_of().empty() ? "" : "  (in place of " + client.heir_of() + ")",
               client.revoked() ? "  (revoked)" : "");
  }
  if (clients.clients().empty()) fmt::print("no client is paired\n");
  return absl::OkStatus();
}

absl::Status Revoke(const std::string& state, const std::string& id) {
  const auto access = OpenAccess(state);
  if (!access.ok()) return access.status();
  const absl::StatusOr<v1::ClientRecord> client = (*access)->Revoke(id);
  if (!client.ok()) return client.status();
  (*access)->Audit({.who = fmt::format("user {}", getuid()),
                    .what = "revoked client",
                    .subject = fmt::format("{} ({})", client->id(), client->name())});
  fmt::print("revoked {} ({})\n", client->id(), client->name());
  return absl::OkStatus();
}

}  // namespace

void AddAccessCommands(CLI::App& app, const std::string* state_dir,
                       std::function<absl::Status()>* chosen) {
  CLI::App* credentials = app.add_subcommand(
      "credentials",
      "make the board's certificates, once, without which --listen ADDRESS is refused");
  credentials->fallthrough();
  credentials->callback([=] { *chosen = [=] { return MakeCredentials(*state_dir); }; });

  auto role = std::make_shared<std::string>(), replaces = std::make_shared<std::string>();
  CLI::App* pair = app.add_subcommand(
      "pair", "print the line that gets a host a certificate of this board, once, for ten minutes");
  pair->add_option("--role", *role,
                   "what the host may do: watch, run or admin (default: run, or the role of the "
                   "one that it replaces)");
  pair->add_option("--replaces", *replaces,
                   "the id of a client, or its beginning: the host gets its jobs, records and "
                   "leases, and that client is revoked")
      ->check([](const std::string& id) { return std::string(id.empty() ? "is empty" : ""); });
  pair->fallthrough();
  pair->callback([=] { *chosen = [=] { return Pair(*state_dir, *role, *replaces); }; });

  CLI::App* clients = app.add_subcommand("clients", "the hosts that are paired with this board");
  clients->require_subcommand(1);
  clients->fallthrough();
  CLI::App* list = clients->add_subcommand("list", "ids, roles, dates and names");
  list->fallthrough();
  list->callback([=] { *chosen = [=] { return List(*state_dir); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* revoke = clients->add_subcommand("revoke", "end a host's access, within a second");
  revoke->add_option("id", *id, "its id, or the beginning of it")->required();
  revoke->fallthrough();
  revoke->callback([=] { *chosen = [=] { return Revoke(*state_dir, *id); }; });
}

}  // namespace synergy
