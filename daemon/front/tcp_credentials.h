// The TLS of who comes by TCP, and what is decided before gRPC gives a call to a thread.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/server_interceptor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "daemon/front/call_rate.h"
#include "daemon/front/client_table.h"
#include "synergy/v1/access.pb.h"
#include "synergy/v1/control.pb.h"

namespace synergy {

// The client that this URI of a certificate names; "": none.
std::string ClientOfUri(std::string_view uri);

// Asked from gRPC's threads, also while its server goes down. Thread-safe.
class TcpGate {
 public:
  static constexpr double kCallsASecond = 1000;
  static constexpr double kCallsAtOnce = 100;
  // Until they are answered, which waits for a client that does not read. ClientTable's limit,
  // which ends with the handler, is told better and comes first.
  static constexpr int kMaxOpen = static_cast<int>(ClientTable::kMaxCalls) + 4;
  static constexpr double kRefusalsASecond = 10;  // beyond them nobody is told

  // Hears that a client which is not known, or was revoked, has come.
  using OnRefused = std::function<void(const std::string& client)>;
  // `clients` and `clock` outlive its use, which ends with Close.
  TcpGate(const ClientTable& clients, OnRefused on_refused, Clock& clock)
      : clients_(clients),
        on_refused_(std::move(on_refused)),
        calls_(kCallsASecond, kCallsAtOnce, clock),
        refusals_(kRefusalsASecond, kRefusalsASecond, clock) {}

  bool MayConnect(const std::string& client) ABSL_LOCKS_EXCLUDED(connecting_);
  // False: it calls too fast, or has too many calls open.
  bool MayCall(const std::string& client) ABSL_LOCKS_EXCLUDED(mutex_);
  // A thread has a call of the client's, and has it no more.
  void Enter(const std::string& client) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const std::string& client) ABSL_LOCKS_EXCLUDED(mutex_);
  // Nobody comes in from now on.
  void Close() ABSL_LOCKS_EXCLUDED(connecting_, mutex_);

 private:
  const ClientTable& clients_;
  const OnRefused on_refused_;
  // Not mutex_: gRPC asks MayCall also while ClientTable, whose lock MayConnect takes, cancels
  // calls.
  absl::Mutex connecting_;
  bool closed_to_all_ ABSL_GUARDED_BY(connecting_) = false;
  absl::Mutex mutex_;
  CallRate calls_, refusals_;
  std::map<std::string, int> open_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

// TLS 1.2 or later. Who has no certificate of our authority's, or is not let in by `gate`, is cut
// off when TLS is done, before any HTTP/2 of his is parsed. A call that `gate` refuses ends with
// ResourceExhausted before it waits for a thread.
std::shared_ptr<grpc::ServerCredentials> TcpCredentials(const v1::TlsIdentity& tls,
                                                        std::shared_ptr<TcpGate> gate);

// Tells `gate` of the calls that threads have.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> CountCalls(
    std::shared_ptr<TcpGate> gate);

}  // namespace synergy
