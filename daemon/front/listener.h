// Accepts connections on one listening socket of synergyd's and hands them on.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "common/unique_fd.h"

namespace synergy {

// The socket belongs to synergyd and outlives the front: connections that nobody accepted yet wait
// in its backlog for the next front.
class Listener {
 public:
  // Called from the listener's thread with a connected, non-blocking socket.
  using OnConnection = std::function<void(UniqueFd connection)>;

  // Accepts from now on. `address` is for logs.
  Listener(std::string address, UniqueFd socket, OnConnection on_connection);
  // Accepts nothing more; the thread has ended when this returns.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  void Run();
  void AcceptAll();

  const std::string address_;
  const UniqueFd socket_;
  const OnConnection on_connection_;
  const UniqueFd stop_;  // an eventfd
  std::jthread thread_;
};

}  // namespace synergy
