#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "client/analysis/report_json.h"
#include "client/commands/commands.h"
#include "client/commands/device_list.h"
#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/pager.h"
#include "client/net/board_search.h"
#include "client/net/pairings.h"
#include "client/report/text_table.h"
#include "common/roles.h"

namespace synergy {
namespace {

struct DevicesOptions {
  double wait_s = 1;
  bool json = false;
};

using Devices = std::map<std::string, ListedDevice>;

std::string DevicesText(const Devices& devices) {
  if (devices.empty()) {
    return "no board is paired, and none announced itself (docs/access.md: boards do so by "
           "avahi)\n";
  }
  const auto left = [](std::string title) {
    return TextTable::Column{.title = std::move(title), .align = TextTable::Align::kLeft};
  };
  const auto whole = [](std::string title) {
    return TextTable::Column{
        .title = std::move(title), .align = TextTable::Align::kLeft, .whole = true};
  };
  TextTable table({whole("host"), left("found"), left("role"), whole("board")});
  for (const auto& [host, device] : devices) {
    const bool paired = device.paired != nullptr;
    table.AddRow({Printable(host), device.found ? "yes" : "-",
                  paired ? std::string(RoleName(device.paired->role())) : "not paired",
                  paired ? Printable(device.paired->board_id()) : ""});
  }
  return table.Text(StdoutColumns());
}

nlohmann::ordered_json DevicesJson(const Devices& devices) {
  nlohmann::ordered_json document;
  document["schema_version"] = kReportSchemaVersion;
  document["devices"] = nlohmann::ordered_json::array();
  for (const auto& [host, device] : devices) {
    nlohmann::ordered_json each;
    each["host"] = Printable(host);
    each["found"] = device.found;
    each["name"] =
        device.found ? nlohmann::ordered_json(Printable(device.name)) : nlohmann::ordered_json();
    each["addresses"] = nlohmann::ordered_json::array();
    for (const std::string& address : device.addresses) each["addresses"].push_back(address);
    const bool paired = device.paired != nullptr;
    each["board_id"] = paired ? nlohmann::ordered_json(Printable(device.paired->board_id()))
                              : nlohmann::ordered_json();
    each["role"] = paired ? nlohmann::ordered_json(std::string(RoleName(device.paired->role())))
                          : nlohmann::ordered_json();
    document["devices"].push_back(std::move(each));
  }
  return document;
}

absl::Status ShowDevices(const DevicesOptions& options) {
  const absl::StatusOr<std::vector<v1::PairedBoard>> boards = ReadPairings();
  if (!boards.ok()) return Ending(ExitCode::kFailedCheck, boards.status());
  std::vector<AnnouncedBoard> announced;
  if (options.wait_s > 0) {
    absl::StatusOr<std::vector<AnnouncedBoard>> found = SearchBoards(Seconds(options.wait_s));
    if (!found.ok()) PrintNote(std::string(found.status().message()));
    if (found.ok()) announced = *std::move(found);
  }
  const Devices devices = ListDevices(*boards, announced);
  return options.json ? WriteStdout(JsonText(DevicesJson(devices)))
                      : WritePaged(DevicesText(devices));
}

}  // namespace

void AddDevicesCommand(CLI::App& app, ChosenCommand* chosen) {
  auto options = std::make_shared<DevicesOptions>();
  CLI::App* command = app.add_subcommand(
      "devices",
      "List the boards that announce themselves in the network, and those that are "
      "paired");
  command->add_option("--wait", options->wait_s, "How long to listen for answers; 0: do not ask")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  AddJsonFlag(*command, &options->json);
  command->callback([=] { *chosen = [=] { return ShowDevices(*options); }; });
}

}  // namespace synergy
