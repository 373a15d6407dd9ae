#include "daemon/worker/net_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "caffe2/core/net.h"
#include "caffe2/core/operator.h"
#include "common/nearest_name.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace synergy {
namespace {

// protobuf's own limit.
constexpr off_t kMaxNetBytes = (off_t{1} << 31) - 1;

absl::Status Unusable(const std::string& role, const std::string& what, const std::string& remedy) {
  return absl::InvalidArgumentError(fmt::format("{}: {}; {}", role, what, remedy));
}

absl::StatusOr<std::string> ReadAllUntrusted(int fd, const std::string& role) {
  struct stat file {};
  if (fstat(fd, &file) != 0) {
    return absl::InternalError(
        fmt::format("{}: descriptor {}: {}", role, fd, std::strerror(errno)));
  }
  if (file.st_size > kMaxNetBytes) {
    return Unusable(role, fmt::format("{} bytes are more than a NetDef can have", file.st_size),
                    "let an init net's fillers make the weights");
  }
  std::string bytes(static_cast<size_t>(file.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return absl::DataLossError(fmt::format("{}: only {} of {} bytes could be read: {}", role,
                                             done, bytes.size(),
                                             n < 0 ? std::strerror(errno) : "end of file"));
    }
    done += static_cast<size_t>(n);
  }
  return bytes;
}

absl::Status CheckOperator(const caffe2::OperatorDef& op, const std::string& label,
                           const std::string& role) {
  caffe2::OperatorRegistry* registry = caffe2::CPUOperatorRegistry();
  if (!registry->Has(op.type())) {
    const std::string nearest = NearestName(op.type(), registry->Keys());
    return Unusable(role, fmt::format("{} has a type that this engine does not know", label),
                    nearest.empty() ? "the model needs operators that synergy's Caffe2 lacks"
                                    : fmt::format("did you mean {}?", nearest));
  }
  if (op.has_device_option() && op.device_option().device_type() != caffe2::PROTO_CPU) {
    return Unusable(role, fmt::format("{} is not for the CPU", label),
                    "export the model for the CPU; this engine has no other device");
  }
  return absl::OkStatus();
}

}  // namespace

// As caffe2/core/net.cc has it (defaultOverrides), which no header offers.
std::string EffectiveNetType(const caffe2::NetDef& net) {
  static const auto* const kToday = new std::map<std::string, std::string>{
      {"", "simple"},
      {"async_simple", "simple"},
      {"rnn", "simple"},
      {"dag", "async_scheduling"},
      {"prof_dag", "async_scheduling"},
      {"async_dag", "async_scheduling"},
      {"async_polling", "async_scheduling"},
  };
  const auto it = kToday->find(net.type());
  return it == kToday->end() ? net.type() : it->second;
}

std::string OperatorLabel(int index, const caffe2::OperatorDef& def) {
  return def.name().empty() ? fmt::format("operator {} ({})", index, def.type())
                            : fmt::format("operator {} '{}' ({})", index, def.name(), def.type());
}

absl::StatusOr<caffe2::NetDef> ReadNetUntrusted(int fd, const std::string& role) {
  absl::StatusOr<std::string> bytes = ReadAllUntrusted(fd, role);
  if (!bytes.ok()) return bytes.status();
  caffe2::NetDef net;
  if (!net.ParseFromString(*bytes)) {
    return Unusable(role, fmt::format("its {} bytes are no Caffe2 NetDef", bytes->size()),
                    "the file is corrupt or truncated, export or build it again");
  }
  return net;
}

absl::Status CheckOperators(const caffe2::NetDef& net, const std::string& role,
                            std::set<std::string> given) {
  if (net.has_device_option() && net.device_option().device_type() != caffe2::PROTO_CPU) {
    return Unusable(role, "it is not for the CPU",
                    "export the model for the CPU; this engine has no other device");
  }
  for (int i = 0; i < net.op_size(); ++i) {
    const caffe2::OperatorDef& op = net.op(i);
    const std::string label = OperatorLabel(i, op);
    if (absl::Status s = CheckOperator(op, label, role); !s.ok()) return s;
    for (const std::string& blob : op.input()) {
      if (given.contains(blob)) continue;
      return Unusable(
          role, fmt::format("{} reads blob '{}', which nothing writes before", label, blob),
          "the init net or an input of the job must give it; a truncated init net lacks some");
    }
    given.insert(op.output().begin(), op.output().end());
  }
  return absl::OkStatus();
}

absl::Status CheckPredictNet(const caffe2::NetDef& net) {
  const std::string role = "predict net";
  if (net.op_size() == 0)
    return Unusable(role, "it has no operators", "there is nothing to measure");
  if (!caffe2::NetRegistry()->Has(EffectiveNetType(net))) {
    return Unusable(role, fmt::format("Caffe2 knows no net type '{}'", net.type()),
                    fmt::format("use one of {}", fmt::join(caffe2::NetRegistry()->Keys(), ", ")));
  }
  if (net.external_output_size() == 0) {
    return Unusable(role, "it names no external output", "the file is truncated, or add one");
  }
  std::set<std::string> written(net.external_input().begin(), net.external_input().end());
  for (const caffe2::OperatorDef& op : net.op())
    written.insert(op.output().begin(), op.output().end());
  for (const std::string& output : net.external_output()) {
    if (written.contains(output)) continue;
    return Unusable(role, fmt::format("no operator writes its external output '{}'", output),
                    "the file is truncated, export or build it again");
  }
  return absl::OkStatus();
}

}  // namespace synergy
