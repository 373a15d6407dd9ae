// The handlers of leases, quotas, clocks and the diagnosis; the others are in device_service.cc.
#include <algorithm>

#include "daemon/front/device_service.h"
#include "daemon/front/grpc_reply.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr Nanoseconds kHoldPoll = Milliseconds(50);  // how late a lost client's clocks are put back
constexpr double kLongestHoldS = 24 * 3600;

// Puts everything back and says what came of it, to a client that may listen still.
grpc::Status EndHold(RootClient::ClockHold& hold, bool over,
                     grpc::ServerWriter<v1::HoldClocksResponse>* writer) {
  absl::StatusOr<v1::ClockRelease> released = hold.Release();
  if (!released.ok()) return ToGrpc(released.status());
  const bool all = released->left().empty();
  v1::HoldClocksResponse response;
  *response.mutable_released() = *std::move(released);
  writer->Write(response);
  if (!over) return grpc::Status::OK;
  return ToGrpc(absl::AbortedError(
      fmt::format("The lease on the clocks is over: its limit has passed, {} was put back",
                  all ? "everything" : "not everything")));
}

}  // namespace

grpc::Status DeviceService::DescribeQueue(grpc::ServerContext*, const v1::DescribeQueueRequest*,
                                          v1::QueueState* response) {
  return Reply(root_.DescribeQueue(), response);
}

grpc::Status DeviceService::TakeLease(grpc::ServerContext*, const v1::TakeLeaseRequest* request,
                                      v1::DeviceLease* response) {
  return Reply(root_.TakeLease(request->id(), request->for_s()), response);
}

grpc::Status DeviceService::ReleaseLease(grpc::ServerContext*,
                                         const v1::ReleaseLeaseRequest* request,
                                         v1::ReleaseLeaseResponse*) {
  return ToGrpc(root_.ReleaseLease(request->id()));
}

grpc::Status DeviceService::GetQuotas(grpc::ServerContext*, const v1::GetQuotasRequest*,
                                      v1::QuotaState* response) {
  return Reply(root_.GetQuotas(), response);
}

grpc::Status DeviceService::SetQuotas(grpc::ServerContext*, const v1::SetQuotasRequest* request,
                                      v1::QuotaState* response) {
  return Reply(root_.SetQuotas(*request), response);
}

grpc::Status DeviceService::GetClocks(grpc::ServerContext*, const v1::GetClocksRequest* request,
                                      v1::ClockState* response) {
  v1::ControlRequest::GetClocks what;
  if (request->has_wanted()) *what.mutable_wanted() = request->wanted();
  return Reply(root_.GetClocks(what), response);
}

grpc::Status DeviceService::Diagnose(grpc::ServerContext*, const v1::DiagnoseRequest* request,
                                     v1::Diagnosis* response) {
  return Reply(root_.Diagnose(*request), response);
}

grpc::Status DeviceService::HoldClocks(grpc::ServerContext* context,
                                       const v1::HoldClocksRequest* request,
                                       grpc::ServerWriter<v1::HoldClocksResponse>* writer) {
  const double limit_s = request->limit_s();
  if (!(limit_s >= 0 && limit_s <= kLongestHoldS)) {
    return ToGrpc(absl::InvalidArgumentError(
        fmt::format("limit_s: {} given; a lease lasts {:.0f} s at most", limit_s, kLongestHoldS)));
  }
  const MonotonicTime limit = clock_.Now() + Seconds(limit_s > 0 ? limit_s : kLongestHoldS);
  const auto hold = root_.HoldClocks(request->clocks(), request->holder());
  if (!hold.ok()) return ToGrpc(hold.status());
  const ClockHolders::Holder holder(clock_holders_, (*hold)->lease().id());
  v1::HoldClocksResponse response;
  *response.mutable_lease() = (*hold)->lease();
  MonotonicTime next_sign = clock_.Now();
  while (!news_.stopped() && !context->IsCancelled()) {
    const MonotonicTime now = clock_.Now();
    if (now >= next_sign) {
      if (!writer->Write(response)) break;
      response.clear_lease();
      next_sign = now + Seconds(1);
    }
    const bool over = now >= limit;
    if (over || holder.ShallEnd()) return EndHold(**hold, over, writer);
    news_.WaitForStop(std::min(kHoldPoll, limit - now));
  }
  if (!news_.stopped()) return grpc::Status::CANCELLED;
  return ToGrpc(absl::UnavailableError("The daemon goes down: the clocks are put back"));
}

grpc::Status DeviceService::ReleaseClocks(grpc::ServerContext*,
                                          const v1::ReleaseClocksRequest* request,
                                          v1::ReleaseClocksResponse*) {
  if (clock_holders_.End(request->lease_id())) return grpc::Status::OK;
  return ToGrpc(
      absl::NotFoundError("No call holds the clocks under this lease (any more): synergyctl clocks "
                          "shows who has them"));
}

// Nothing is asked of the root side: its clock is this process's.
grpc::Status DeviceService::CompareClocks(
    grpc::ServerContext*, grpc::ServerReaderWriter<v1::ClockAnswer, v1::ClockProbe>* stream) {
  v1::ClockProbe probe;
  v1::ClockAnswer answer;
  while (!news_.stopped() && stream->Read(&probe)) {
    answer.set_received_ns(clock_.Now().ns);
    answer.set_number(probe.number());
    answer.set_sent_ns(clock_.Now().ns);
    if (!stream->Write(answer)) return grpc::Status::CANCELLED;
  }
  if (!news_.stopped()) return grpc::Status::OK;
  return ToGrpc(absl::UnavailableError("The daemon goes down; ask again"));
}

}  // namespace synergy
