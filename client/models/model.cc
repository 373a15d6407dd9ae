#include "client/models/model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <limits>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace synergy {

absl::StatusOr<std::string> SerializeNet(const caffe2::NetDef& net) {
  const size_t size = net.ByteSizeLong();
  std::string bytes;
  if (size <= std::numeric_limits<int32_t>::max()) {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    if (net.SerializeToCodedStream(&coded)) {
      coded.Trim();
      return bytes;
    }
  }
  return absl::ResourceExhaustedError(fmt::format(
      "serialize net '{}': {} bytes do not fit in protobuf's 2 GiB; keep its weights in "
      "fillers or files",
      net.name(), size));
}

std::string NetText(const caffe2::NetDef& net) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(net, &text);  // fails only where its stream does
  return text;
}

}  // namespace synergy
