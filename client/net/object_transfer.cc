// The part of DeviceClient that moves large things: objects to the device, outputs from it.
#include <algorithm>
#include <utility>

#include "client/net/device_client.h"
#include "client/net/device_wire.h"
#include "common/clock.h"
#include "fmt/format.h"

namespace synergy {
namespace {

// The device may have to read and hash all of the object first, from an SD card; where that takes
// longer it goes on, and the next question is answered at once.
constexpr Nanoseconds kQueryPatience = Seconds(60);
constexpr Nanoseconds kLookAgain = Milliseconds(200);
// Another client that sends nothing of the object for as long is not waited for any more.
constexpr Nanoseconds kOthersPatience = Seconds(60);

// Waits for the other client that sends the object.
class OtherSender {
 public:
  // `there`: bytes that the device has. False: it makes no progress.
  bool Wait(uint64_t there) {
    const MonotonicTime now = RealClock().Now();
    if (!since_set_ || there != there_) {
      since_ = now;
      there_ = there;
      since_set_ = true;
    }
    if (now - since_ > kOthersPatience) return false;
    RealClock().SleepUntil(now + kLookAgain);
    return true;
  }

 private:
  bool since_set_ = false;
  MonotonicTime since_;
  uint64_t there_ = 0;
};

struct Sending {
  const v1::ObjectRef& object;
  const DeviceClient::ObjectReader& read;
  const DeviceClient::UploadProgress& on_progress;
  std::stop_token stop;
};

// Writes the bytes from `offset` on; what `read` did not like. `sent` counts the bytes.
absl::Status WriteFrom(uint64_t offset, const Sending& sending,
                       grpc::ClientWriter<v1::UploadObjectRequest>* writer, uint64_t* sent) {
  v1::UploadObjectRequest request;
  *request.mutable_begin()->mutable_object() = sending.object;
  request.mutable_begin()->set_offset(offset);
  // A failed Write means that the device has answered already: Finish says what.
  bool open = writer->Write(request);
  // Answered when the device takes the upload: bytes that it does not take are not sent.
  writer->WaitForInitialMetadata();
  while (open && offset < sending.object.bytes()) {
    const size_t size = std::min<uint64_t>(kMessagePartBytes, sending.object.bytes() - offset);
    std::string* data = request.mutable_data();
    data->resize(size);
    if (absl::Status status = sending.read(offset, data->data(), size); !status.ok()) return status;
    open = writer->Write(request);
    if (!open) break;
    offset += size;
    *sent += size;
    if (sending.on_progress) sending.on_progress(offset);
  }
  return absl::OkStatus();
}

absl::Status Send(v1::Device::Stub& stub, std::string_view host, uint64_t offset,
                  const Sending& sending, uint64_t* sent) {
  v1::ObjectStatus response;
  absl::Status ours;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    std::stop_callback canceller(sending.stop, [&context] { context.TryCancel(); });
    const auto writer = stub.UploadObject(&context, &response);
    ours = WriteFrom(offset, sending, writer.get(), sent);
    if (ours.ok()) {
      writer->WritesDone();
    } else {
      context.TryCancel();
    }
    return writer->Finish();
  });
  if (!ours.ok()) return ours;
  if (!status.ok() && sending.stop.stop_requested()) return Stopped("The upload");
  if (!status.ok()) return FromGrpc(status, host);
  if (!response.complete()) {
    return absl::InternalError(fmt::format(
        "{} took all bytes of an object and does not have it whole", std::string(host)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ObjectStatus> DeviceClient::QueryObject(const v1::ObjectRef& object) {
  return Call(*wire_->stub, host_, kQueryPatience, &v1::Device::Stub::QueryObject, object);
}

absl::StatusOr<DeviceClient::UploadReport> DeviceClient::Upload(const v1::ObjectRef& object,
                                                                const ObjectReader& read,
                                                                const UploadProgress& on_progress,
                                                                std::stop_token stop) {
  const Sending sending{object, read, on_progress, stop};
  OtherSender other;
  UploadReport report;
  bool restarted = false;
  while (!stop.stop_requested()) {
    const absl::StatusOr<v1::ObjectStatus> there = QueryObject(object);
    if (!there.ok()) return there.status();
    if (there->damaged()) report.damaged = object.bytes();
    if (on_progress) on_progress(there->bytes());
    if (there->complete()) return report;
    const absl::Status status = Send(*wire_->stub, host_, there->bytes(), sending, &report.sent);
    if (status.ok()) return report;
    if (absl::IsAborted(status) && other.Wait(there->bytes())) continue;
    // What was there before may have been damaged. The device has thrown it away.
    if (!absl::IsDataLoss(status) || there->bytes() == 0 || restarted) return status;
    report.damaged = there->bytes();
    restarted = true;
  }
  return Stopped("The upload");
}

absl::Status DeviceClient::Outputs(
    const std::string& run_id, const std::function<absl::Status(std::string_view part)>& on_part,
    std::stop_token stop) {
  v1::GetOutputsRequest request;
  request.set_run_id(run_id);
  absl::Status ours;
  const grpc::Status status = WhenNotBusy([&] {
    grpc::ClientContext context;
    std::stop_callback canceller(stop, [&context] { context.TryCancel(); });
    const auto reader = wire_->stub->GetOutputs(&context, request);
    v1::OutputsPart part;
    while (ours.ok() && reader->Read(&part)) ours = on_part(part.data());
    if (!ours.ok()) context.TryCancel();
    return reader->Finish();
  });
  if (!ours.ok()) return ours;
  if (!status.ok() && stop.stop_requested()) return Stopped("Fetching the outputs");
  return FromGrpc(status, host_);
}

}  // namespace synergy
