#include "client/commands/object_upload.h"

#include <fmt/format.h>

#include <optional>

#include "client/commands/exit_code.h"
#include "client/commands/output.h"
#include "client/commands/packed_object.h"
#include "client/commands/progress.h"

namespace synergy {
namespace {

constexpr uint64_t kWorthALine = 1'000'000;

std::string SizeText(uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  return bytes < kWorthALine ? fmt::format("{:.1f} kB", size / 1e3)
                             : fmt::format("{:.1f} MB", size / 1e6);
}

// What an upload came to, in a line.
std::string Summary(const DeviceClient::UploadReport& report, uint64_t total,
                    const std::string& what) {
  const uint64_t sent = report.sent, damaged = report.damaged;
  if (damaged == total) {
    return fmt::format(
        "sent {} of {}: the board had them, but changed or damaged on its disk, and has deleted "
        "them",
        SizeText(sent), what);
  }
  if (damaged > 0) {
    return fmt::format(
        "sent {} of {}: the {} that the board had of an earlier upload were changed or damaged on "
        "its disk, so all {} were sent again",
        SizeText(sent), what, SizeText(damaged), SizeText(total));
  }
  if (sent == 0) {
    return fmt::format("the board has the {} already ({}): nothing was sent", what,
                       SizeText(total));
  }
  if (sent >= total) return fmt::format("sent {} of {}", SizeText(sent), what);
  return fmt::format("sent {} of {}; the board had {} of them", SizeText(sent), what,
                     SizeText(total - sent));
}

}  // namespace

absl::StatusOr<v1::ObjectRef> UploadTensors(DeviceClient& client,
                                            const std::vector<TensorView>& tensors,
                                            const std::string& what, std::stop_token stop) {
  const absl::StatusOr<PackedObject> object = PackedObject::Make(tensors);
  if (!object.ok()) return Ending(ExitCode::kUsage, object.status());
  const uint64_t total = object->ref().bytes();
  ProgressLine line(StderrIsTerminal(), RealClock(), WriteProgress, StderrColumns);
  std::optional<uint64_t> there_before;
  const absl::StatusOr<DeviceClient::UploadReport> report = client.Upload(
      object->ref(),
      [&](uint64_t offset, char* into, size_t size) { return object->Read(offset, into, size); },
      [&](uint64_t there) {
        const bool first = !there_before;
        if (first) there_before = there;
        if (there == total && first) return;
        const std::string count = fmt::format("{} of {}", SizeText(there), SizeText(total));
        line.Show({fmt::format("sending the {}: {}", what, count), count},
                  first && total >= kWorthALine);
      },
      stop);
  line.Clear();
  if (absl::IsUnavailable(report.status())) {
    return FromDevice(absl::UnavailableError(fmt::format(
        "send the {}: the connection to the daemon was lost ({}). What has arrived is kept: run "
        "the command again when the daemon is back, and it goes on from there",
        what, std::string(report.status().message()))));
  }
  if (!report.ok()) return FromDevice(report.status());
  PrintNote(Summary(*report, total, what));
  return object->ref();
}

}  // namespace synergy
