#include "client/commands/run_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/analysis/report_json.h"
#include "client/analysis/report_names.h"
#include "client/analysis/run_report.h"
#include "client/commands/output.h"
#include "client/commands/run_resolution.h"
#include "client/report/text_table.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

// "2024-05-01T12:00Z": the seconds are in the run itself.
std::string MinuteText(int64_t unix_ns) { return UtcText(unix_ns).substr(0, 16) + "Z"; }

std::string StateText(const StoredRun& run) {
  std::string text(IsEvicted(run) ? "EVICTED" : StateName(run.state));
  if (run.abandoned) return text + ", incomplete";
  if (!run.complete) return text + ", unfinished";
  return run.unfinished() ? text + ", not told" : text;
}

std::string BoardText(const StoredRun& run) {
  const bool captured = run.simulated && !run.board_name.starts_with("sim:");
  return run.board_name + (captured ? " (captured tree)" : "");
}

}  // namespace

std::string RunListText(const std::vector<StoredRun>& runs) {
  TextTable table({{"run"},
                   {"started", TextTable::Align::kLeft, false, /*whole=*/true},
                   {"net", TextTable::Align::kLeft},
                   {"engine", TextTable::Align::kLeft},
                   {"board", TextTable::Align::kLeft},
                   {"state", TextTable::Align::kLeft},
                   {"kB"},
                   {"tags", TextTable::Align::kLeft}});
  for (const StoredRun& run : runs) {
    table.AddRow({fmt::format("{}", run.number),
                  run.started_unix_ns ? MinuteText(*run.started_unix_ns) : "-", run.net, run.engine,
                  BoardText(run), StateText(run), fmt::format("{}", (run.bytes + 999) / 1000),
                  fmt::format("{}", fmt::join(run.tags, " "))});
  }
  const bool simulated =
      std::any_of(runs.begin(), runs.end(), [](const StoredRun& run) { return run.simulated; });
  return table.Text(StdoutColumns()) +
         (simulated ? "boards called sim:... and captured trees are SIMULATED\n" : "");
}

ordered_json RunListJson(const std::vector<StoredRun>& runs) {
  ordered_json list = ordered_json::array();
  for (const StoredRun& run : runs) {
    ordered_json json;
    json["number"] = run.number;
    json["id"] = run.run_id;
    json["board"] = run.board_name;
    json["board_id"] = run.board_id;
    json["board_title"] = run.board_title;
    json["simulated"] = run.simulated;
    json["net"] = run.net;
    json["engine"] = run.engine;
    json["submitted_at"] = UtcText(run.submitted_unix_ns);
    json["started_at"] =
        run.started_unix_ns ? ordered_json(UtcText(*run.started_unix_ns)) : ordered_json(nullptr);
    json["state"] = StateName(run.state);
    json["error"] = run.error.empty() ? ordered_json(nullptr) : ordered_json(run.error);
    json["complete"] = run.complete;
    json["unfinished"] = run.unfinished();
    json["evicted"] = IsEvicted(run);
    json["chunks"] = run.next_seq;
    json["bytes"] = run.bytes;
    json["tags"] = run.tags;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace synergy
