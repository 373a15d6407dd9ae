#include "client/report/page/report_page.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "client/analysis/report_json.h"
#include "client/analysis/simulated_notice.h"
#include "client/models/zoo.h"
#include "common/reading_counts.h"

namespace synergy {
namespace {

using nlohmann::ordered_json;

// Of a network that is the zoo's, not of one that has its name.
ordered_json PublishedJson(const v1::JobSpec& job) {
  if (job.model_source() != "zoo") return nullptr;
  const absl::StatusOr<const ZooEntry*> entry = FindModel(job.net_name());
  if (!entry.ok() || !(*entry)->published_accuracy) return nullptr;
  const PublishedAccuracy& accuracy = *(*entry)->published_accuracy;
  const auto percent = [](const std::optional<double>& value) {
    return value ? ordered_json(*value) : ordered_json(nullptr);
  };
  ordered_json json;
  json["data"] = accuracy.data;
  json["top1_percent"] = percent(accuracy.top1_percent);
  json["top5_percent"] = percent(accuracy.top5_percent);
  json["source"] = accuracy.source;
  json["paper"] = (*entry)->paper;
  return json;
}

std::string PageOf(const ordered_json& document) {
  const std::string data = document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  std::string page(ReportPageHead());
  for (const char c : data) {
    if (c == '<') {
      page += "\\u003c";  // in JSON it occurs in texts alone
    } else {
      page += c;
    }
  }
  return page += ReportPageTail();
}

void KeepMostEnergy(ordered_json* rows, size_t most) {
  if (rows->size() <= most) return;
  const auto first = rows->begin();
  std::nth_element(first, first + static_cast<ptrdiff_t>(most), rows->end(),
                   [](const ordered_json& a, const ordered_json& b) {
                     return a["measured_j"].get<double>() > b["measured_j"].get<double>();
                   });
  rows->erase(first + static_cast<ptrdiff_t>(most), rows->end());
}

}  // namespace

ordered_json PageRun(int64_t number, const RunReport& report, ordered_json timeline) {
  ordered_json run;
  run["notice"] = SimulatedNotice(report.header.board());
  run["imported"] = report.header.clock() == kImportedClock;
  run["rail_names"] = report.rails();
  const std::optional<size_t> top = report.top_rail();
  run["top_rail"] = top ? ordered_json(report.rails()[*top]) : ordered_json(nullptr);
  run["document"] = RunDocument(number, report);
  run["published_accuracy"] = PublishedJson(report.header.job());
  run["timeline"] = std::move(timeline);
  return run;
}

std::string ReportPage(const std::vector<ordered_json>& runs) {
  ordered_json document;
  document["runs"] = runs;
  return PageOf(document);
}

std::string EvaluationPage(ordered_json document, const std::string& notice) {
  for (ordered_json& family : document["families"]) {
    const size_t all = family["operator_rows"].size();
    KeepMostEnergy(&family["operator_rows"], kMostPageOperators);
    family["operator_rows_left_out"] = all - family["operator_rows"].size();
  }
  ordered_json page;
  page["evaluation"] = std::move(document);
  page["notice"] = notice;
  return PageOf(page);
}

}  // namespace synergy
