#include "daemon/access_commands.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "common/roles.h"
#include "daemon/access/access_folder.h"
#include "daemon/access/pairing_host.h"

namespace synergy {
namespace {

absl::Status Pair(const std::string& state, const std::string& role_name) {
  const std::optional<v1::Role> role = ParseRole(role_name);
  if (!role.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("--role: '{}' is no role; give watch, run or admin", role_name));
  }
  const auto access = AccessFolder::Open(state);
  if (!access.ok()) return access.status();
  const absl::StatusOr<std::string> host = PairingHost(**access);
  if (!host.ok()) return host.status();
  const absl::StatusOr<std::string> code = (*access)->OpenPairing(*role);
  if (!code.ok()) return code.status();
  (*access)->Audit({.who = fmt::format("user {}", getuid()),
                    .what = "opened a pairing",
                    .subject = fmt::format("for the role {}", RoleName(*role))});
  fmt::print("synergyctl pair {} {}\n", *host, *code);
  fmt::print(stderr,
             "valid once, for ten minutes, for the role {}; an earlier code that was not used is "
             "not valid any more\n",
             RoleName(*role));
  return absl::OkStatus();
}

absl::Status List(const std::string& state) {
  const auto access = AccessFolder::Open(state);
  if (!access.ok()) return access.status();
  const v1::ClientBook clients = (*access)->clients();
  for (const v1::ClientRecord& client : clients.clients()) {
    fmt::print("{}  {:<5}  {:%Y-%m-%d}  {}{}\n", client.id(), RoleName(client.role()),
               fmt::gmtime(client.paired_unix_s()), client.name(),
               client.revoked() ? "  (revoked)" : "");
  }
  if (clients.clients().empty()) fmt::print("no client is paired\n");
  return absl::OkStatus();
}

absl::Status Revoke(const std::string& state, const std::string& id) {
  const auto access = AccessFolder::Open(state);
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
  auto role = std::make_shared<std::string>("run");
  CLI::App* pair = app.add_subcommand(
      "pair", "print the line that gets a host a certificate of this board, once, for ten minutes");
  pair->add_option("--role", *role, "what the host may do: watch, run or admin")
      ->capture_default_str();
  pair->fallthrough();
  pair->callback([=] { *chosen = [=] { return Pair(*state_dir, *role); }; });

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
