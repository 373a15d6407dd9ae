#include "client/models/net_file.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "client/models/caffe2_net.h"
#include "common/printable.h"
#include "fmt/format.h"

namespace synergy {
namespace {

constexpr size_t kLookedAt = 4096;  // bytes that tell text from binary

// Every binary net and tensor has control characters near its beginning: field 2 of a NetDef and
// field 1 of a TensorProto are such themselves.
bool IsText(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, kLookedAt);
  if (static_cast<unsigned char>(head.front()) >= 0x80) return false;
  return std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' || c == '\t' || c == '\n' || c == '\r';
  });
}

struct Signature {
  std::string_view bytes;
  std::string_view kind;
};
constexpr std::array kSignatures = {
    Signature{"PK\x03\x04", "a zip archive, as PyTorch and NumPy write"},
    Signature{"\x89HDF", "an HDF5 file, as Keras writes"},
    Signature{"\x93NUMPY", "a NumPy array"},
    Signature{"\x1f\x8b", "compressed by gzip"},
    Signature{"\x80\x02", "a Python pickle"},
    Signature{"\x80\x03", "a Python pickle"},
    Signature{"\x80\x04", "a Python pickle"},
    Signature{"\x7f"
              "ELF",
              "a program"},
};

// What the bytes are instead of a NetDef, "" where nothing is recognised.
std::string Instead(std::string_view bytes) {
  for (const Signature& signature : kSignatures) {
    if (bytes.starts_with(signature.bytes)) return fmt::format(" (it is {})", signature.kind);
  }
  // ONNX's first field is its version, a small number.
  if (bytes.size() > 2 && bytes[0] == '\x08' && bytes[1] > 0 && bytes[1] < 32) {
    return " (it looks like ONNX: name it *.onnx)";
  }
  return "";
}

absl::Status Refuse(std::string_view role, std::string_view what, std::string_view remedy) {
  return absl::InvalidArgumentError(fmt::format("read the {}: {}; {}", role, what, remedy));
}

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    // protobuf counts from 0.
    text_ = fmt::format("line {}, column {}: {}", line + 1, column + 1, Printable(message, 160));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status CheckSize(std::string_view bytes, std::string_view role) {
  if (bytes.empty()) return Refuse(role, "the file is empty", "export it again");
  if (bytes.size() <= kMaxProtobufBytes) return absl::OkStatus();
  return Refuse(role,
                fmt::format("its {:.1f} GB are more than protobuf's 2 GiB",
                            static_cast<double>(bytes.size()) / 1e9),
                "export the weights as ONNX with external data");
}

absl::Status ParseText(std::string_view bytes, std::string_view role, std::string_view option,
                       google::protobuf::Message* message) {
  google::protobuf::TextFormat::Parser parser;
  FirstError error;
  parser.RecordErrorsTo(&error);
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  if (parser.Parse(&stream, message)) return absl::OkStatus();
  const bool caffe =
      bytes.find("layer {") != std::string::npos || bytes.find("layers {") != std::string::npos;
  return Refuse(role, fmt::format("as text it is no {}: {}", message->GetTypeName(), error.text()),
                caffe ? "it is a prototxt of Caffe, not of Caffe2: convert it to ONNX or Caffe2"
                      : fmt::format("{} takes Caffe2's binary and text protobuf", option));
}

absl::Status ParseBinary(std::string_view bytes, std::string_view role, std::string_view option,
                         google::protobuf::Message* message) {
  const std::string instead = Instead(bytes);
  if (instead.empty() && message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::OkStatus();
  }
  return Refuse(role, fmt::format("its {} bytes are no Caffe2 net{}", bytes.size(), instead),
                fmt::format("it is damaged, cut off or something else: export it again, {} takes "
                            "Caffe2's binary and text protobuf",
                            option));
}

absl::Status Parse(std::string_view bytes, std::string_view role, std::string_view option,
                   google::protobuf::Message* message) {
  if (auto status = CheckSize(bytes, role); !status.ok()) return status;
  return IsText(bytes) ? ParseText(bytes, role, option, message)
                       : ParseBinary(bytes, role, option, message);
}

}  // namespace

absl::StatusOr<std::shared_ptr<caffe2::NetDef>> ParseNetUntrusted(std::string_view bytes,
                                                                  std::string_view role,
                                                                  std::string_view option) {
  auto net = std::make_shared<caffe2::NetDef>();
  if (auto status = Parse(bytes, role, option, net.get()); !status.ok()) return status;
  if (net->op_size() == 0) {
    return Refuse(role, fmt::format("its {} bytes have no operator", bytes.size()),
                  fmt::format("{} takes a Caffe2 net", option));
  }
  return net;
}

absl::StatusOr<InitFile> ParseInitUntrusted(std::string_view bytes) {
  constexpr std::string_view kRole = "init net";
  auto net = ParseNetUntrusted(bytes, kRole, "--init");
  if (net.ok()) return InitFile{*std::move(net), nullptr};
  // As a NetDef, a TensorProtos is a net with a strange name and nothing else.
  auto tensors = std::make_shared<caffe2::TensorProtos>();
  if (auto status = Parse(bytes, kRole, "--init", tensors.get()); !status.ok()) return net.status();
  const auto& protos = tensors->protos();
  const bool named =
      std::all_of(protos.begin(), protos.end(),
                  [](const caffe2::TensorProto& proto) { return !proto.name().empty(); });
  if (protos.empty() || !named) return net.status();
  return InitFile{nullptr, std::move(tensors)};
}

}  // namespace synergy
