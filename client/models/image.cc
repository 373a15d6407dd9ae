#include "client/models/image.h"

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "common/op_cost.h"
#include "common/printable.h"

namespace synergy {
namespace {

constexpr int kChannels = 3;
constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";

struct Size {
  int64_t width = 0;
  int64_t height = 0;
};

using Pixels = std::unique_ptr<uint8_t, decltype(&stbi_image_free)>;

absl::Status NoImage(const std::string& why) {
  return absl::InvalidArgumentError(fmt::format("read a picture: {}", why));
}

const char* Reason() {
  const char* reason = stbi_failure_reason();
  return reason != nullptr ? reason : "no reason given";
}

// Width and height of what the file says it is, before anything of its size is allocated.
absl::StatusOr<Size> SizeUntrusted(std::string_view file) {
  int width = 0, height = 0, channels = 0;
  if (file.size() > static_cast<size_t>(INT32_MAX)) return NoImage("it is larger than 2 GiB");
  if (stbi_info_from_memory(reinterpret_cast<const uint8_t*>(file.data()),
                            static_cast<int>(file.size()), &width, &height, &channels) == 0) {
    return NoImage(fmt::format("it is no PPM (P5, P6), PNG or JPEG ({})", Reason()));
  }
  if (width < 1 || height < 1 || width > kMaxImageSide || height > kMaxImageSide ||
      int64_t{width} * height > kMaxImagePixels) {
    return NoImage(fmt::format("{} x {} pixels are not taken (at most {} a side and {} million)",
                               width, height, kMaxImageSide, kMaxImagePixels >> 20));
  }
  return Size{width, height};
}

bool IsPng(std::string_view file) { return file.starts_with(kPngSignature); }
bool IsPnm(std::string_view file) { return file.starts_with("P5") || file.starts_with("P6"); }

// stb reads zeros, or nothing, beyond the end of a file.
bool IsCutOffJpeg(std::string_view file) {  // begin of scan, end of image
  const size_t scan = file.rfind("\xff\xda");
  return scan == std::string_view::npos || file.find("\xff\xd9", scan) == std::string_view::npos;
}

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// Every chunk of a PNG ends in the CRC of its type and contents, which stb skips.
absl::Status CheckPngUntrusted(std::string_view file) {
  std::string_view rest = file.substr(kPngSignature.size());
  while (rest.size() >= 12) {
    const uint64_t length = BigEndian(rest);
    if (rest.size() - 12 < length) break;
    const std::string_view type = rest.substr(4, 4);
    const auto* covered = reinterpret_cast<const uint8_t*>(rest.data()) + 4;
    if (crc32_gzip_refl(0, covered, length + 4) != BigEndian(rest.substr(8 + length))) {
      return NoImage(fmt::format("it is damaged: the CRC of its {} chunk is another one",
                                 Printable(std::string(type), 16)));
    }
    if (type == "IEND") return absl::OkStatus();
    rest.remove_prefix(12 + length);
  }
  return NoImage("it was cut off");
}

// One of the numbers of a PNM's header, after spaces and comments; 0: there is none.
int64_t PnmNumber(std::string_view file, size_t* at) {
  while (*at < file.size() && (std::isspace(static_cast<uint8_t>(file[*at])) || file[*at] == '#')) {
    if (file[*at] == '#') *at = std::min(file.find_first_of("\r\n", *at), file.size() - 1);
    ++*at;
  }
  int64_t number = 0;
  for (; *at < file.size() && std::isdigit(static_cast<uint8_t>(file[*at])); ++*at) {
    number = std::min<int64_t>(number * 10 + (file[*at] - '0'), INT32_MAX);
  }
  return number;
}

// The same picture with samples of 0 to 255. stb takes the samples of others as they are, and of
// those of two bytes the lower one.
absl::StatusOr<std::string> PnmOf255Untrusted(std::string_view file, const Size& size) {
  size_t at = 2;
  const int64_t width = PnmNumber(file, &at), height = PnmNumber(file, &at);
  const int64_t most = PnmNumber(file, &at);
  if (at >= file.size()) return NoImage("it was cut off");
  if (width != size.width || height != size.height || most < 1 || most > 65535 ||
      !std::isspace(static_cast<uint8_t>(file[at]))) {
    return NoImage("the header of the PPM or PGM is not: width, height, 1 to 65535");
  }
  const std::string_view raster = file.substr(at + 1);
  const size_t samples = static_cast<size_t>(width * height * (file[1] == '6' ? kChannels : 1));
  const size_t bytes = most > 255 ? 2 : 1;
  if (raster.size() < samples * bytes) return NoImage("it was cut off");
  std::string scaled = fmt::format("{}\n{} {}\n255\n", file.substr(0, 2), width, height);
  scaled.reserve(scaled.size() + samples);
  for (size_t i = 0; i < samples; ++i) {
    int64_t sample = static_cast<uint8_t>(raster[i * bytes]);
    if (bytes == 2) sample = sample << 8 | static_cast<uint8_t>(raster[i * 2 + 1]);
    if (sample > most) {
      return NoImage(
          fmt::format("it is damaged: it holds {}, and its header says at most {}", sample, most));
    }
    scaled += static_cast<char>((sample * 255 + most / 2) / most);
  }
  return scaled;
}

// What stb may decode: it takes damaged files for whole ones.
absl::StatusOr<std::string> CheckFileUntrusted(std::string_view file, const Size& size) {
  if (IsPnm(file)) return PnmOf255Untrusted(file, size);
  if (IsPng(file)) {
    if (const absl::Status status = CheckPngUntrusted(file); !status.ok()) return status;
  } else if (file.starts_with("\xff\xd8") && IsCutOffJpeg(file)) {
    return NoImage("it was cut off");
  }
  return std::string(file);
}

absl::StatusOr<Pixels> DecodeUntrusted(std::string_view bytes, const Size& size) {
  const absl::StatusOr<std::string> file = CheckFileUntrusted(bytes, size);
  if (!file.ok()) return file.status();
  int width = 0, height = 0, channels = 0;
  Pixels pixels(
      stbi_load_from_memory(reinterpret_cast<const uint8_t*>(file->data()),
                            static_cast<int>(file->size()), &width, &height, &channels, kChannels),
      &stbi_image_free);
  if (pixels == nullptr) return NoImage(fmt::format("it is damaged or cut off ({})", Reason()));
  if (width != size.width || height != size.height) return NoImage("it has two sizes");
  return pixels;
}

// The largest rectangle with the proportions of `target` around the middle of `image`.
struct Part {
  int64_t left = 0;
  int64_t top = 0;
  Size size;
};
Part MiddleOf(const Size& image, const Size& target) {
  Size size = image;
  // At most 16384 a side in the picture and 2^31 in the target: nothing overflows.
  if (image.width * target.height > image.height * target.width) {
    size.width = std::max<int64_t>(1, image.height * target.width / target.height);
  } else {
    size.height = std::max<int64_t>(1, image.width * target.height / target.width);
  }
  return {(image.width - size.width) / 2, (image.height - size.height) / 2, size};
}

absl::StatusOr<std::vector<uint8_t>> Scale(const uint8_t* pixels, const Size& image,
                                           const Size& target) {
  const Part part = MiddleOf(image, target);
  const uint8_t* first = pixels + (part.top * image.width + part.left) * kChannels;
  const int64_t stride = image.width * kChannels;
  std::vector<uint8_t> scaled(static_cast<size_t>(target.width * target.height * kChannels));
  if (part.size.width == target.width && part.size.height == target.height) {
    for (int64_t y = 0; y < target.height; ++y) {
      std::copy_n(first + y * stride, target.width * kChannels,
                  scaled.begin() + y * target.width * kChannels);
    }
    return scaled;
  }
  if (stbir_resize_uint8_generic(
          first, static_cast<int>(part.size.width), static_cast<int>(part.size.height),
          static_cast<int>(stride), scaled.data(), static_cast<int>(target.width),
          static_cast<int>(target.height), 0, kChannels, STBIR_ALPHA_CHANNEL_NONE, 0,
          STBIR_EDGE_CLAMP, STBIR_FILTER_TRIANGLE, STBIR_COLORSPACE_LINEAR, nullptr) == 0) {
    return absl::ResourceExhaustedError(
        fmt::format("scale a picture to {} x {}: not enough memory", target.width, target.height));
  }
  return scaled;
}

// Pixels of interleaved bytes as planes of normalised floats, `batch` times.
std::string Normalise(const std::vector<uint8_t>& pixels, size_t batch) {
  const size_t plane = pixels.size() / kChannels;
  std::vector<float> image(pixels.size());
  for (size_t c = 0; c < kChannels; ++c) {
    for (size_t i = 0; i < plane; ++i) {
      const float value = static_cast<float>(pixels[i * kChannels + c]) / 255.0f;
      image[c * plane + i] = (value - kImageMean[c]) / kImageDeviation[c];
    }
  }
  std::string elements;
  elements.reserve(batch * image.size() * sizeof(float));
  for (size_t n = 0; n < batch; ++n) {
    elements.append(reinterpret_cast<const char*>(image.data()), image.size() * sizeof(float));
  }
  return elements;
}

}  // namespace

absl::StatusOr<std::string> ImageElementsUntrusted(std::string_view file,
                                                   const std::vector<int64_t>& dims) {
  const absl::StatusOr<int64_t> elements = CountElements(dims);
  // A picture made larger than any that is taken is a mistake in the shape.
  if (dims.size() != 4 || dims[1] != kChannels || !elements.ok() || *elements < 1 ||
      dims[2] > kMaxImageSide || dims[3] > kMaxImageSide ||
      *elements > kMaxImagePixels * kChannels) {
    return absl::InvalidArgumentError(
        fmt::format("a picture fills inputs of the shape N x 3 x height x width, this one is {}; "
                    "give its values as a .npy file",
                    FormatShape(dims)));
  }
  const absl::StatusOr<Size> size = SizeUntrusted(file);
  if (!size.ok()) return size.status();
  const absl::StatusOr<Pixels> pixels = DecodeUntrusted(file, *size);
  if (!pixels.ok()) return pixels.status();
  const absl::StatusOr<std::vector<uint8_t>> scaled =
      Scale(pixels->get(), *size, {.width = dims[3], .height = dims[2]});
  if (!scaled.ok()) return scaled.status();
  return Normalise(*scaled, static_cast<size_t>(dims[0]));
}

}  // namespace synergy
