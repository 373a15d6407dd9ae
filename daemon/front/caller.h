// Who makes a call, known to everything that runs in the call's thread.
#pragma once

#include <string>

#include "synergy/v1/control.pb.h"

namespace synergy {

struct Caller {
  v1::ControlRequest::Caller wire;  // what the root side is told
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::string refused = {};  // why none of its calls is served; "": they are

  bool paired() const { return !wire.client_id().empty(); }
  // Of the client, or of the user: "uid:1000".
  std::string id() const {
    return paired() ? wire.client_id() : "uid:" + std::to_string(wire.uid());
  }
};

// The caller of this thread's call, as long as it lives; then again the one before: gRPC may look
// at another connection in the thread of a call that waits.
class CallerScope {
 public:
  explicit CallerScope(const Caller& caller) : before_(current_) { current_ = &caller; }
  ~CallerScope() { current_ = before_; }
  CallerScope(const CallerScope&) = delete;
  CallerScope& operator=(const CallerScope&) = delete;

  // Null: this thread makes no call.
  static const Caller* current() { return current_; }
  static std::string current_id() { return current_ == nullptr ? "" : current_->id(); }

 private:
  static inline thread_local const Caller* current_ = nullptr;
  const Caller* const before_;
};

}  // namespace synergy
