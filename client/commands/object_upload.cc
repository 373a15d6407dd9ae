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

}  // namespace

absl::StatusOr<v1::ObjectRef> UploadTensors(DeviceClient& client,
                                            const std::vector<TensorView>& tensors,
                                            const std::string& what, std::stop_token stop) {
  const absl::StatusOr<PackedObject> object = PackedObject::Make(tensors);
  if (!object.ok()) return Ending(ExitCode::kUsage, object.status());
  const uint64_t total = object->ref().bytes();
  ProgressLine line(StderrIsTerminal(), RealClock(), WriteProgress, StderrColumns);
  std::optional<uint64_t> there_before;
  const absl::StatusOr<uint64_t> sent = client.Upload(
      object->ref(),
      [&](uint64_t offset, char* into, size_t size) { return object->Read(offset, into, size); },
      [&](uint64_t there) {
        const bool first = !there_before;
        if (first) there_before = there;
        if (there == total && first) return;
        line.Show(fmt::format("sending the {}: {} of {}", what, SizeText(there), SizeText(total)),
                  first && total >= kWorthALine);
      },
      stop);
  line.Clear();
  if (absl::IsUnavailable(sent.status())) {
    return FromDevice(absl::UnavailableError(fmt::format(
        "send the {}: the connection to the daemon was lost ({}). What has arrived is kept: run "
        "the command again when the daemon is back, and it goes on from there",
        what, std::string(sent.status().message()))));
  }
  if (!sent.ok()) return FromDevice(sent.status());
  if (*sent == 0) {
    PrintNote(
        fmt::format("the board has the {} already ({}): nothing was sent", what, SizeText(total)));
  } else {
    PrintNote(fmt::format(
        "sent {} of {}{}", SizeText(*sent), what,
        *sent < total ? fmt::format("; the board had {} of them", SizeText(total - *sent)) : ""));
  }
  return object->ref();
}

}  // namespace synergy
