#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/commands/board_link.h"
#include "client/commands/commands.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/net/board_pairing.h"
#include "client/net/host_address.h"
#include "client/net/pairings.h"
#include "client/report/text_table.h"
#include "common/roles.h"

namespace synergy {
namespace {

// "ann@laptop", for the people at the board.
std::string OwnName() {
  std::array<char, 256> host = {};
  gethostname(host.data(), host.size() - 1);
  const passwd* user = getpwuid(geteuid());
  return fmt::format("{}@{}", user != nullptr ? user->pw_name : fmt::format("{}", geteuid()),
                     host.data());
}

absl::Status Pair(const std::string& host, const std::string& code) {
  if (absl::Status can = CheckPairingsFolder(); !can.ok()) {
    return Ending(ExitCode::kFailedCheck, can);
  }
  const absl::StatusOr<std::vector<v1::PairedBoard>> before = ReadPairings();
  const absl::StatusOr<v1::PairedBoard> board = PairWithBoard(host, code, OwnName());
  if (absl::IsInvalidArgument(board.status())) return Ending(ExitCode::kUsage, board.status());
  if (!board.ok()) return FromDevice(board.status());
  if (absl::Status stored = StorePairing(*board); !stored.ok()) {
    return Ending(ExitCode::kFailedCheck, stored);
  }
  const auto same = [&](const v1::PairedBoard& old) { return old.board_id() == board->board_id(); };
  if (before.ok() && std::ranges::any_of(*before, same)) {
    PrintNote(
        "this host is another client of that board now: jobs and records that it left there under "
        "its earlier pairing are an admin's to cancel and to fetch, unless the code was printed by "
        "`synergyd pair --replaces`");
  }
  return WriteStdout(fmt::format("paired with the board {}, role {}; use --host {}\n",
                                 Printable(board->board_id()), RoleName(board->role()), host));
}

// On the board, or as its admin: the line for another host.
absl::Status OpenPairing(const std::string& host, const std::string& role_name) {
  const std::optional<v1::Role> role = ParseRole(role_name);
  if (!role.has_value()) {
    return Ending(ExitCode::kUsage, absl::InvalidArgumentError(fmt::format(
                                        "--role: '{}' is no role; give watch or run", role_name)));
  }
  const absl::StatusOr<std::unique_ptr<BoardLink>> link = BoardLink::Open(host);
  if (!link.ok()) return link.status();
  const absl::StatusOr<v1::OpenPairingResponse> pairing = (*link)->client()->OpenPairing(*role);
  if (!pairing.ok()) return FromDevice(pairing.status());
  const absl::Status written = WriteStdout(fmt::format(
      "synergyctl pair {} {}\n", Printable(pairing->host()), Printable(pairing->code())));
  if (written.ok()) {
    PrintNote(
        fmt::format("valid once, for ten minutes, for the role {}; an earlier code that was not "
                    "used is not valid any more",
                    RoleName(*role)));
  }
  return written;
}

absl::Status Unpair(const std::string& host_or_id) {
  const absl::StatusOr<HostAddress> address = ParseHost(host_or_id);
  const TcpAddress* tcp = address.ok() ? std::get_if<TcpAddress>(&*address) : nullptr;
  absl::StatusOr<v1::PairedBoard> removed = RemovePairing(host_or_id);
  if (absl::IsNotFound(removed.status()) && tcp != nullptr) removed = RemovePairing(HostPort(*tcp));
  if (!removed.ok()) return Ending(ExitCode::kRefused, removed.status());
  return WriteStdout(
      fmt::format("forgot the board {}; there, `synergyd clients revoke {}` forgets this host\n",
                  Printable(removed->board_id()), Printable(removed->client_id())));
}

}  // namespace

void AddPairCommand(CLI::App& app, ChosenCommand* chosen) {
  struct Options {
    std::string host, code, board;
    std::string role = "run";
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "pair",
      "Get a certificate from a board, by the line that `synergyd pair` prints there; or, with "
      "--host, have a board print that line for another host");
  command->add_option("board", options->board, "The board: NAME[:PORT]")->type_name("HOST");
  command->add_option("code", options->code, "The code, valid once and for ten minutes")
      ->type_name("CODE");
  command
      ->add_option("--host", options->host,
                   "A board that the user is an admin of, such as unix:PATH on the board itself")
      ->type_name("HOST");
  command->add_option("--role", options->role, "With --host: what the other host may do")
      ->type_name("watch|run")
      ->capture_default_str();
  command->callback([options, command, chosen] {
    const bool opens = command->count("--host") > 0;
    if (opens ? command->count("board") > 0
              : options->code.empty() || command->count("--role") > 0) {
      throw CLI::ValidationError("pair", "give HOST CODE, or --host HOST and what it is to print");
    }
    *chosen = [options, opens] {
      return opens ? OpenPairing(options->host, options->role)
                   : Pair(options->board, options->code);
    };
  });
}

void AddUnpairCommand(CLI::App& app, ChosenCommand* chosen) {
  auto host = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("unpair", "Forget a board's certificate and the own one");
  command->add_option("host", *host, "The board: NAME[:PORT], or its id")
      ->type_name("HOST")
      ->required();
  command->callback([=] { *chosen = [=] { return Unpair(*host); }; });
}

}  // namespace synergy
