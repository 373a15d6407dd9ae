#include "client/models/npy.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A file with this header, whatever it says.
std::string File(std::string_view header, std::string_view elements, char major = 1) {
  std::string file = std::string("\x93NUMPY") + major + '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8 & 0xff);
  if (major > 1) file += std::string(2, '\0');
  return file.append(header).append(elements);
}

std::string Refusal(std::string_view file) {
  const absl::Status status = ParseNpyUntrusted(file).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return status.ToString();
}

// numpy.save(f, numpy.array([[1, 2, 3]], dtype='<f4')), byte for byte (numpy 1.24).
std::string SavedByNumpy() {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
  header.resize(117, ' ');
  return File(header + '\n', std::string_view("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40", 12));
}

TEST(Npy, ReadsWhatNumpySaves) {
  const std::string file = SavedByNumpy();
  ASSERT_EQ(file.size(), 140u);
  const auto array = ParseNpyUntrusted(file);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->type, v1::DATA_TYPE_FLOAT32);
  EXPECT_THAT(array->dims, ElementsAre(1, 3));
  float values[3];
  ASSERT_EQ(array->bytes.size(), sizeof(values));
  std::memcpy(values, array->bytes.data(), sizeof(values));
  EXPECT_THAT(values, ElementsAre(1, 2, 3));
}

TEST(Npy, WritesWhatNumpySaves) {
  const auto prefix = NpyPrefix(v1::DATA_TYPE_FLOAT32, {1, 3});
  ASSERT_TRUE(prefix.ok()) << prefix.status();
  EXPECT_EQ(*prefix, SavedByNumpy().substr(0, 128));
}

TEST(Npy, EveryTypeAndRankComesBack) {
  for (const auto type : {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_INT32,
                          v1::DATA_TYPE_INT64, v1::DATA_TYPE_UINT8, v1::DATA_TYPE_BOOL}) {
    for (const std::vector<int64_t>& dims :
         {std::vector<int64_t>{}, {5}, {2, 3}, {1, 1, 2, 2}, {0}, {3, 0, 2}}) {
      uint64_t elements = 1;
      for (const int64_t dim : dims) elements *= static_cast<uint64_t>(dim);
      const auto prefix = NpyPrefix(type, dims);
      ASSERT_TRUE(prefix.ok()) << prefix.status();
      EXPECT_EQ(prefix->size() % 64, 0u);
      const auto array =
          ParseNpyUntrusted(*prefix + std::string(elements * ElementSize(type), '\1'));
      ASSERT_TRUE(array.ok()) << array.status();
      EXPECT_EQ(array->type, type);
      EXPECT_EQ(array->dims, dims);
      EXPECT_EQ(array->bytes.size(), elements * ElementSize(type));
    }
  }
}

TEST(Npy, Versions2And3HaveALongerLength) {
  const std::string header = "{'descr':'|u1','fortran_order':False,'shape':(2,),}\n";
  for (const char major : {'\2', '\3'}) {
    const std::string file = File(header, "ab", major);
    EXPECT_EQ(ParseNpyUntrusted(file)->bytes, "ab");
  }
  EXPECT_THAT(Refusal(File(header, "ab", 4)), HasSubstr("version 4.0"));
  EXPECT_THAT(Refusal(File(header, "ab", 0)), HasSubstr("version 0.0"));
}

TEST(Npy, HeadersOfOtherWritersAreRead) {
  for (const char* header :
       {"{\"shape\":(2L,1L),\"fortran_order\":False,\"descr\":\"|u1\"}",
        "{ 'fortran_order' : False ,\n 'shape' : ( 2 , 1 ) , 'descr' : '|u1' , }  \n"}) {
    const std::string file = File(header, "ab");
    const auto array = ParseNpyUntrusted(file);
    ASSERT_TRUE(array.ok()) << header << array.status();
    EXPECT_THAT(array->dims, ElementsAre(2, 1));
  }
}

TEST(Npy, ScalarsHaveNoDims) {
  const std::string file = File("{'descr':'|u1','fortran_order':False,'shape':()}", "a");
  EXPECT_THAT(ParseNpyUntrusted(file)->dims, IsEmpty());
}

TEST(Npy, AFileThatWasCutOffAnywhereIsRefused) {
  const std::string file = SavedByNumpy();
  for (size_t size = 0; size < file.size(); ++size) Refusal(file.substr(0, size));
}

TEST(Npy, MoreThanTheArrayIsRefused) {
  EXPECT_THAT(Refusal(SavedByNumpy() + "more"), HasSubstr("12 bytes, and 16 are there"));
}

TEST(Npy, OtherOrdersAndTypesNameTheRemedy) {
  const auto refusal = [](const std::string& descr, const std::string& fortran = "False") {
    return Refusal(File(
        "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': (1, 1), }\n", "abcd"));
  };
  EXPECT_THAT(refusal("'>f4'"), HasSubstr("astype('<f4')"));
  EXPECT_THAT(refusal("'<f4'", "True"), HasSubstr("ascontiguousarray"));
  EXPECT_THAT(refusal("'<f2'"), HasSubstr("astype('float32')"));
  EXPECT_THAT(refusal("'|O'"), HasSubstr("'|O'"));
  EXPECT_THAT(refusal("'<U1'"), HasSubstr("'<U1'"));
  EXPECT_THAT(refusal("[('a', '<f4')]"), HasSubstr("plain array"));
  EXPECT_EQ(refusal("'\x1b[31m'").find('\x1b'), std::string::npos);
}

TEST(Npy, AbsurdShapesAreRefusedBeforeAnythingIsAllocated) {
  const auto refusal = [](const std::string& shape) {
    return Refusal(
        File("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }\n", "abcd"));
  };
  EXPECT_THAT(refusal("(1099511627776,)"), HasSubstr("4398046511104 bytes"));
  EXPECT_THAT(refusal("(1099511627776, 1099511627776)"), HasSubstr("absurd"));
  EXPECT_THAT(refusal("(9223372036854775807,)"), HasSubstr("absurd"));
  EXPECT_THAT(refusal("(9223372036854775808,)"), HasSubstr("header"));
  EXPECT_THAT(refusal("(-1,)"), HasSubstr("header"));
  EXPECT_THAT(refusal("(1.0,)"), HasSubstr("header"));
  EXPECT_THAT(refusal("(1)"), HasSubstr("header"));
  EXPECT_THAT(refusal("(1, 1"), HasSubstr("header"));
  std::string many = "(";
  for (int i = 0; i < 33; ++i) many += "1, ";
  EXPECT_THAT(refusal(many + ")"), HasSubstr("header"));
}

TEST(Npy, HeadersThatAreNoneAreRefused) {
  for (const char* header :
       {"", "{}", "{", "not a dict", "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1, }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } more",
        "{'descr': '<f4', 'fortran_order': False 'shape': (1,), }"}) {
    EXPECT_THAT(Refusal(File(header, "abcd")), HasSubstr("header")) << header;
  }
  EXPECT_THAT(Refusal(File(std::string(20000, ' '), "")), HasSubstr("20000 bytes"));
  EXPECT_THAT(Refusal("PK\3\4" + std::string(100, 'x')), HasSubstr("numpy.save"));
}

TEST(Npy, ABoolIs0Or1) {
  EXPECT_THAT(Refusal(File("{'descr':'|b1','fortran_order':False,'shape':(2,)}", "\1\2")),
              HasSubstr("bool"));
}

TEST(Npy, WhatHasNoTypeIsNotWritten) {
  EXPECT_TRUE(absl::IsInvalidArgument(NpyPrefix(v1::DATA_TYPE_UNSPECIFIED, {1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      NpyPrefix(v1::DATA_TYPE_FLOAT32, std::vector<int64_t>(33, 1)).status()));
}

}  // namespace
}  // namespace synergy
