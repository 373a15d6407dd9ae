#include "client/models/image.h"

#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::Each;
using testing::FloatEq;
using testing::FloatNear;
using testing::HasSubstr;

struct Rgb {
  int r, g, b;
};

std::string Ppm(int width, int height, const std::function<Rgb(int x, int y)>& at) {
  std::string file = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Rgb pixel = at(x, y);
      for (const int value : {pixel.r, pixel.g, pixel.b}) file += static_cast<char>(value);
    }
  }
  return file;
}

void Append(void* file, void* data, int size) {
  static_cast<std::string*>(file)->append(static_cast<const char*>(data),
                                          static_cast<size_t>(size));
}

std::vector<float> Elements(std::string_view file, const std::vector<int64_t>& dims) {
  const auto elements = ImageElementsUntrusted(file, dims);
  EXPECT_TRUE(elements.ok()) << elements.status();
  if (!elements.ok()) return {};
  std::vector<float> values(elements->size() / sizeof(float));
  std::memcpy(values.data(), elements->data(), elements->size());
  return values;
}

std::string Refusal(std::string_view file, const std::vector<int64_t>& dims = {1, 3, 2, 2}) {
  const absl::Status status = ImageElementsUntrusted(file, dims).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return status.ToString();
}

float Normal(int value, int channel) {
  return (static_cast<float>(value) / 255.0f - kImageMean[channel]) / kImageDeviation[channel];
}

// 8 x 8 pixels of one colour.
std::string Png(const Rgb& colour) {
  const std::string pixels = Ppm(8, 8, [&](int, int) { return colour; }).substr(11);
  std::string file;
  EXPECT_NE(stbi_write_png_to_func(Append, &file, 8, 8, 3, pixels.data(), 8 * 3), 0);
  return file;
}
std::string Jpeg(const Rgb& colour) {
  const std::string pixels = Ppm(8, 8, [&](int, int) { return colour; }).substr(11);
  std::string file;
  EXPECT_NE(stbi_write_jpg_to_func(Append, &file, 8, 8, 3, pixels.data(), 95), 0);
  return file;
}

TEST(Image, APictureOfTheInputsSizeIsNormalisedAndNotResampled) {
  const std::string file = Ppm(2, 2, [](int x, int y) { return Rgb{x * 255, y * 255, 128}; });
  const std::vector<float> values = Elements(file, {1, 3, 2, 2});
  ASSERT_EQ(values.size(), 12u);
  const float expected[] = {
      Normal(0, 0),   Normal(255, 0), Normal(0, 0),   Normal(255, 0),   // R of the two rows
      Normal(0, 1),   Normal(0, 1),   Normal(255, 1), Normal(255, 1),   // G
      Normal(128, 2), Normal(128, 2), Normal(128, 2), Normal(128, 2)};  // B
  for (size_t i = 0; i < 12; ++i) EXPECT_FLOAT_EQ(values[i], expected[i]) << i;
}

TEST(Image, TheMiddleOfAWideOrHighPictureIsTaken) {
  const auto wide = Ppm(6, 2, [](int x, int) { return Rgb{x * 10, 0, 0}; });
  const std::vector<float> values = Elements(wide, {1, 3, 2, 2});
  EXPECT_FLOAT_EQ(values[0], Normal(20, 0));
  EXPECT_FLOAT_EQ(values[1], Normal(30, 0));
  const auto high = Ppm(2, 6, [](int, int y) { return Rgb{y * 10, 0, 0}; });
  const std::vector<float> rows = Elements(high, {1, 3, 2, 2});
  EXPECT_FLOAT_EQ(rows[0], Normal(20, 0));
  EXPECT_FLOAT_EQ(rows[2], Normal(30, 0));
}

TEST(Image, AUniformPictureStaysUniformAtEverySize) {
  for (const auto& [width, height] : {std::pair(1, 1), {7, 5}, {5, 70}, {300, 11}}) {
    const auto file = Ppm(width, height, [](int, int) { return Rgb{200, 200, 200}; });
    const std::vector<float> values = Elements(file, {1, 3, 8, 12});
    ASSERT_EQ(values.size(), 3u * 8 * 12);
    EXPECT_THAT(std::vector<float>(values.begin(), values.begin() + 96),
                Each(FloatNear(Normal(200, 0), 0.02f)));
  }
}

TEST(Image, ScalingDownAveragesTheArea) {
  const auto checkered = Ppm(64, 64, [](int x, int y) {
    return (x + y) % 2 ? Rgb{255, 0, 0} : Rgb{0, 0, 0};
  });
  for (const float value : Elements(checkered, {1, 3, 4, 4})) EXPECT_LT(std::abs(value), 2.2f);
  EXPECT_NEAR(Elements(checkered, {1, 3, 4, 4})[5], Normal(127, 0), 0.03);
}

TEST(Image, ABatchIsTheSamePictureSeveralTimes) {
  const auto file = Ppm(2, 2, [](int x, int y) { return Rgb{x * 9, y * 9, x + y}; });
  const std::vector<float> one = Elements(file, {1, 3, 2, 2});
  const std::vector<float> two = Elements(file, {2, 3, 2, 2});
  ASSERT_EQ(two.size(), 24u);
  EXPECT_TRUE(std::equal(one.begin(), one.end(), two.begin()));
  EXPECT_TRUE(std::equal(one.begin(), one.end(), two.begin() + 12));
}

TEST(Image, PngAndJpegAreRead) {
  for (const std::string& file : {Png({250, 128, 5}), Jpeg({250, 128, 5})}) {
    const std::vector<float> values = Elements(file, {1, 3, 1, 1});
    ASSERT_EQ(values.size(), 3u);
    EXPECT_NEAR(values[0], Normal(250, 0), 0.06);  // a JPEG is off by some steps
    EXPECT_NEAR(values[1], Normal(128, 1), 0.06);
    EXPECT_NEAR(values[2], Normal(5, 2), 0.06);
  }
}

TEST(Image, GreyBecomesThreeEqualChannels) {
  const std::vector<float> values = Elements(std::string("P5\n1 1\n255\n") + '\x66', {1, 3, 1, 1});
  for (int c = 0; c < 3; ++c) {
    EXPECT_FLOAT_EQ(values[static_cast<size_t>(c)], Normal(0x66, c));
  }
}

TEST(Image, WhatIsNoPictureIsRefused) {
  EXPECT_THAT(Refusal(""), HasSubstr("PNG or JPEG"));
  EXPECT_THAT(Refusal("GIF89a" + std::string(100, '\0')), HasSubstr("PNG or JPEG"));
  EXPECT_THAT(Refusal("P3\n1 1\n255\n1 2 3\n"), HasSubstr("PPM (P5, P6)"));
  EXPECT_THAT(Refusal(Png({1, 2, 3}).substr(0, 50)), HasSubstr("cut off"));
}

// stb_image decodes these to whatever was in memory.
TEST(Image, APictureThatWasCutOffAnywhereIsRefused) {
  const auto ppm = Ppm(3, 2, [](int, int) { return Rgb{1, 2, 3}; });
  const std::string commented = "P5 # a comment\n 2 # and\n# another\n2 255\nabcd";
  const std::string deep = std::string("P5\n2 1\n65535\n") + "abcd";
  EXPECT_EQ(Elements(commented, {1, 3, 2, 2}).size(), 12u);
  EXPECT_EQ(Elements(deep, {1, 3, 1, 2}).size(), 6u);
  for (const std::string& whole : {ppm, commented, deep, Png({1, 2, 3}), Jpeg({1, 2, 3})}) {
    for (size_t size = 0; size + 1 < whole.size(); ++size) Refusal(whole.substr(0, size));
  }
}

TEST(Image, SamplesOfAPnmAreScaledByTheLargestThatItsHeaderNames) {
  const auto first = [](const std::string& file) {
    const std::vector<float> values = Elements(file, {1, 3, 1, 1});
    return values.empty() ? std::nanf("") : values[0];
  };
  EXPECT_FLOAT_EQ(first("P6\n1 1\n15\n\x0f\x0f\x0f"), Normal(255, 0));
  EXPECT_FLOAT_EQ(first(std::string("P5 1 1 1\n") + '\x01'), Normal(255, 0));
  EXPECT_FLOAT_EQ(first("P5 1 1 1023\n\x03\xff"), Normal(255, 0));
  EXPECT_FLOAT_EQ(first(std::string("P5 1 1 65535\n\x80\x00", 15)), Normal(128, 0));
  EXPECT_FLOAT_EQ(first(std::string("P5 1 1 65535\n\x00\xff", 15)), Normal(1, 0));
  EXPECT_FLOAT_EQ(first("P5 1 1 65535\n\x80\xff"), Normal(128, 0));
  EXPECT_THAT(Refusal("P5 1 1 15\n\x10"), HasSubstr("holds 16, and its header says at most 15"));
  Refusal("P5 1 1 65536\nabcd");
  EXPECT_THAT(Refusal(std::string("P5 1 1 0\nabcd")), HasSubstr("1 to 65535"));
}

// stb_image checks neither the chunks' CRCs nor the checksum of the pixels.
TEST(Image, APngWithAFlippedByteIsRefused) {
  const std::string whole = Png({1, 2, 3});
  EXPECT_EQ(Elements(whole, {1, 3, 1, 1}).size(), 3u);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    Refusal(damaged);
  }
  std::string pixels = whole;
  pixels[whole.find("IDAT") + 8] ^= 1;
  EXPECT_THAT(Refusal(pixels), HasSubstr("CRC of its IDAT chunk"));
}

TEST(Image, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
  EXPECT_THAT(Refusal("P6\n1000000 1000000\n255\n"), testing::Not(HasSubstr("cut off")));
  EXPECT_THAT(Refusal("P6\n16000 16000\n255\n"), HasSubstr("16000 x 16000"));
  EXPECT_THAT(Refusal("P6\n99999999999999999999 1\n255\n"), testing::Not(HasSubstr("cut off")));
}

TEST(Image, InputsThatAreNoPictureNameTheOtherWay) {
  const auto file = Ppm(2, 2, [](int, int) { return Rgb{1, 2, 3}; });
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{1, 10},
                                           {1, 1, 2, 2},
                                           {1, 4, 2, 2},
                                           {1, 3, 0, 2},
                                           {0, 3, 2, 2},
                                           {1, 3, int64_t{1} << 40, 2},
                                           {int64_t{1} << 40, 3, 2, 2},
                                           {1, 3, -2, 2}}) {
    EXPECT_THAT(Refusal(file, dims), HasSubstr(".npy"));
  }
}

}  // namespace
}  // namespace synergy
