// A FakeKernel for a process that may be killed at any instant: it stays in the parent, so that a
// write happens wholly or not at all, as with a real kernel.
#pragma once

#include <string>
#include <vector>

#include "daemon/clocks/attribute_files.h"
#include "tests/support/fake_kernel.h"

namespace synergy {

// The child's side, over a SOCK_SEQPACKET (borrowed). Ends the process where the parent is gone.
class RemoteKernel final : public AttributeFiles {
 public:
  explicit RemoteKernel(int fd) : fd_(fd) {}

  absl::StatusOr<std::string> Read(const std::string& path) override;
  absl::Status Write(const std::string& path, const std::string& value) override;
  std::vector<std::string> List(const std::string& folder) override;
  absl::StatusOr<std::string> Resolve(const std::string& path) override;
  // Tells the parent something: Serve's answer.
  void Tell(const std::string& text);

 private:
  absl::StatusOr<std::string> Ask(char verb, const std::string& path, const std::string& value);

  const int fd_;
};

enum class Served { kAnswered, kTold, kEnd };
// The parent's side: answers one request, waiting for it. kTold: `told` is what the child tells;
// kEnd: the child is gone.
Served ServeOne(FakeKernel& kernel, int fd, std::string* told);

}  // namespace synergy
