#include "client/models/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/checked_int.h"
#include "common/op_cost.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPrefixBytes = 10;        // magic, version and the header's length in version 1.0
constexpr size_t kMaxHeaderBytes = 10000;  // as numpy itself reads them (max_header_size)
constexpr size_t kMaxDims = 32;            // NPY_MAXDIMS

struct Descr {
  std::string_view text;
  v1::DataType type;
};
// '|': of one byte, which has no order.
constexpr Descr kDescrs[] = {{"<f4", v1::DATA_TYPE_FLOAT32}, {"<f8", v1::DATA_TYPE_FLOAT64},
                             {"<i4", v1::DATA_TYPE_INT32},   {"<i8", v1::DATA_TYPE_INT64},
                             {"|u1", v1::DATA_TYPE_UINT8},   {"|b1", v1::DATA_TYPE_BOOL}};

absl::Status NoArray(const std::string& why) {
  return absl::InvalidArgumentError(fmt::format("read a .npy file: {}", why));
}

// The header is a Python literal. This reads the one form that numpy writes: a dict of strings,
// True or False, and a tuple of whole numbers.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  bool Take(char c) {
    SkipSpace();
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::string_view> String() {
    for (const char quote : {'\'', '"'}) {
      if (!Take(quote)) continue;
      const size_t end = text_.find(quote);
      if (end == std::string_view::npos) return std::nullopt;
      const std::string_view value = text_.substr(0, end);
      text_.remove_prefix(end + 1);
      if (value.find('\\') != std::string_view::npos) return std::nullopt;
      return value;
    }
    return std::nullopt;
  }
  std::optional<bool> Bool() {
    SkipSpace();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    return std::nullopt;
  }
  std::optional<std::vector<int64_t>> Tuple() {
    if (!Take('(')) return std::nullopt;
    std::vector<int64_t> numbers;
    while (!Take(')')) {
      const std::optional<int64_t> number = Number();
      if (!number || numbers.size() == kMaxDims) return std::nullopt;
      numbers.push_back(*number);
      if (Take(',')) continue;
      // (3) is a number in brackets, not a tuple.
      if (numbers.size() == 1 || !Take(')')) return std::nullopt;
      break;
    }
    return numbers;
  }
  bool AtEnd() {
    SkipSpace();
    return text_.empty();
  }

 private:
  void SkipSpace() {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t\n"), text_.size()));
  }
  std::optional<int64_t> Number() {
    SkipSpace();
    CheckedInt value(0);
    size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      value = value * 10 + (text_[digits] - '0');
    }
    text_.remove_prefix(digits);
    if (digits == 0 || value.overflow()) return std::nullopt;
    Take('L');  // Python 2 wrote (3L, 4L)
    return value.value();
  }

  std::string_view text_;
};

struct Header {
  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// Absent: the header is not what numpy writes, or its type is a structure.
std::optional<Header> ParseHeader(std::string_view text) {
  HeaderReader reader(text);
  Header header;
  if (!reader.Take('{')) return std::nullopt;
  while (!reader.Take('}')) {
    const std::optional<std::string_view> key = reader.String();
    if (!key || !reader.Take(':')) return std::nullopt;
    bool sound = false;
    if (*key == "descr" && !header.descr) {
      sound = (header.descr = reader.String()).has_value();
    } else if (*key == "fortran_order" && !header.fortran_order) {
      sound = (header.fortran_order = reader.Bool()).has_value();
    } else if (*key == "shape" && !header.shape) {
      sound = (header.shape = reader.Tuple()).has_value();
    }
    if (!sound) return std::nullopt;
    if (reader.Take(',')) continue;
    if (!reader.Take('}')) return std::nullopt;
    break;
  }
  if (!reader.AtEnd() || !header.descr || !header.fortran_order || !header.shape) {
    return std::nullopt;
  }
  return header;
}

absl::StatusOr<v1::DataType> TypeOf(std::string_view descr) {
  for (const Descr& known : kDescrs) {
    if (descr == known.text) return known.type;
  }
  const std::string shown = Printable(descr, 32);
  if (descr.starts_with('>')) {
    return NoArray(fmt::format("its elements are big-endian ({}); save a.astype('<{}')", shown,
                               Printable(descr.substr(1), 32)));
  }
  return NoArray(fmt::format(
      "elements of type '{}' are not taken; save a.astype('float32'), or what the input needs",
      shown));
}

absl::StatusOr<TensorView> TakeElements(const Header& header, std::string_view rest) {
  TensorView array;
  const absl::StatusOr<v1::DataType> type = TypeOf(*header.descr);
  if (!type.ok()) return type.status();
  array.type = *type;
  array.dims = *header.shape;
  if (*header.fortran_order) {
    return NoArray("its elements are in Fortran order; save numpy.ascontiguousarray(a)");
  }
  const absl::StatusOr<int64_t> elements = CountElements(array.dims);
  const CheckedInt bytes = CheckedInt(elements.ok() ? *elements : INT64_MAX) *
                           static_cast<int64_t>(ElementSize(array.type));
  if (!elements.ok() || bytes.overflow()) {
    return NoArray(fmt::format("its shape {} is absurd", FormatShape(array.dims)));
  }
  if (rest.size() != static_cast<uint64_t>(bytes.value())) {
    return NoArray(fmt::format(
        "its shape {} of {} takes {} bytes, and {} are there: it was cut off or is damaged",
        FormatShape(array.dims), DataTypeName(array.type), bytes.value(), rest.size()));
  }
  if (array.type == v1::DATA_TYPE_BOOL &&
      std::any_of(rest.begin(), rest.end(), [](char c) { return c != 0 && c != 1; })) {
    return NoArray("a bool of it is neither 0 nor 1");
  }
  array.bytes = rest;
  return array;
}

}  // namespace

absl::StatusOr<TensorView> ParseNpyUntrusted(std::string_view file) {
  if (!file.starts_with(kMagic)) return NoArray("it does not begin as one; numpy.save writes them");
  if (file.size() < kPrefixBytes) return NoArray("it was cut off in its first bytes");
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(file[i])); };
  const uint32_t major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0) {
    return NoArray(fmt::format("its version {}.{} is not known (1.0 to 3.0 are)", major, byte(7)));
  }
  const size_t header_begin = major == 1 ? kPrefixBytes : kPrefixBytes + 2;
  if (file.size() < header_begin) return NoArray("it was cut off in its first bytes");
  uint32_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMaxHeaderBytes) return NoArray(fmt::format("its header has {} bytes", length));
  if (length > file.size() - header_begin) return NoArray("it was cut off in its header");
  const std::optional<Header> header = ParseHeader(file.substr(header_begin, length));
  if (!header) return NoArray("its header does not describe a plain array of numbers");
  return TakeElements(*header, file.substr(header_begin + length));
}

absl::StatusOr<std::string> NpyPrefix(v1::DataType type, const std::vector<int64_t>& dims) {
  const auto descr = std::find_if(std::begin(kDescrs), std::end(kDescrs),
                                  [&](const Descr& known) { return known.type == type; });
  if (descr == std::end(kDescrs) || dims.size() > kMaxDims) {
    return absl::InvalidArgumentError(fmt::format("write a .npy file: no array is {} of {}",
                                                  FormatShape(dims), DataTypeName(type)));
  }
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   descr->text, fmt::join(dims, ", "), dims.size() == 1 ? "," : "");
  header.append(64 - (kPrefixBytes + header.size() + 1) % 64, ' ');
  header += '\n';
  std::string prefix = fmt::format("{}\x01{:c}", kMagic, '\0');
  prefix += static_cast<char>(header.size() & 0xff);
  prefix += static_cast<char>(header.size() >> 8);
  return prefix + header;
}

}  // namespace synergy
