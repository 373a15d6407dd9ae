#include "common/tensor_pack.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TensorView View(const std::string& name, v1::DataType type, std::vector<int64_t> dims,
                std::string_view bytes) {
  return {name, type, std::move(dims), bytes};
}

const std::vector<TensorView>& Sample() {
  static const std::vector<TensorView>* sample =
      new std::vector<TensorView>{View("conv_w", v1::DATA_TYPE_FLOAT32, {2, 1}, "abcdefgh"),
                                  View("scalar", v1::DATA_TYPE_INT64, {}, "12345678"),
                                  View("nothing", v1::DATA_TYPE_FLOAT64, {3, 0}, ""),
                                  View("mask", v1::DATA_TYPE_BOOL, {65},
                                       std::string_view("0101010101010101010101010101010101"
                                                        "0101010101010101010101010101010")),
                                  View("bytes", v1::DATA_TYPE_UINT8, {3}, "xyz"),
                                  View("labels", v1::DATA_TYPE_INT32, {1}, "4321")};
  return *sample;
}

std::string Bytes(int fd) {
  std::string bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

std::string Packed(const std::vector<TensorView>& tensors) {
  const UniqueFd file = MemoryFile("");
  const absl::Status written = WriteTensorPack(tensors, file.get());
  EXPECT_TRUE(written.ok()) << written;
  return Bytes(file.get());
}

absl::Status Refusal(std::string_view bytes) {
  const UniqueFd file = MemoryFile(bytes);
  return MappedTensorPack::MapUntrusted(file.get()).status();
}

void ExpectDamaged(std::string_view bytes, std::string_view text) {
  const absl::Status refusal = Refusal(bytes);
  EXPECT_TRUE(absl::IsDataLoss(refusal)) << refusal;
  EXPECT_THAT(refusal.ToString(), HasSubstr(std::string(text)));
}

// The sample as a pack with room for the index, of which `change` makes something else.
std::string WithIndex(const std::function<void(v1::TensorIndex&)>& change) {
  constexpr uint64_t kRoom = 4096;
  const std::string pack = Packed(Sample());
  uint64_t length = 0;
  std::memcpy(&length, pack.data() + 8, sizeof(length));
  v1::TensorIndex index;
  EXPECT_TRUE(index.ParseFromString(pack.substr(16, length)));
  const std::string elements = pack.substr(index.tensors(0).offset());
  for (v1::TensorEntry& entry : *index.mutable_tensors()) {
    entry.set_offset(entry.offset() - (pack.size() - elements.size()) + kRoom);
  }
  change(index);
  const std::string body = index.SerializeAsString();
  length = body.size();
  std::string bytes = "SYNPACK1";
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += body;
  bytes.resize(kRoom, '\0');
  return bytes + elements;
}

TEST(TensorPack, GivesBackEveryTensorAsItWas) {
  const UniqueFd file = MemoryFile(Packed(Sample()));
  const auto pack = MappedTensorPack::MapUntrusted(file.get());
  ASSERT_TRUE(pack.ok()) << pack.status();
  ASSERT_EQ(pack->tensors().size(), Sample().size());
  for (size_t i = 0; i < Sample().size(); ++i) {
    const TensorView& is = pack->tensors()[i];
    const TensorView& was = Sample()[i];
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.type, was.type) << was.name;
    EXPECT_EQ(is.dims, was.dims) << was.name;
    EXPECT_EQ(is.bytes, was.bytes) << was.name;
  }
}

TEST(TensorPack, ElementsLieAtMultiplesOf64) {
  const UniqueFd file = MemoryFile(Packed(Sample()));
  const auto pack = MappedTensorPack::MapUntrusted(file.get());
  ASSERT_TRUE(pack.ok()) << pack.status();
  for (const TensorView& tensor : pack->tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % kTensorAlignment, 0u)
        << tensor.name;
  }
}

TEST(TensorPack, TheLayoutIsWhatIsWritten) {
  const auto layout = LayOutTensorPack(Sample());
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->head.size() % kTensorAlignment, 0u);
  std::string whole = layout->head;
  for (const TensorView& tensor : Sample()) {
    whole += tensor.bytes;
    whole.resize((whole.size() + 63) / 64 * 64, '\0');
  }
  EXPECT_EQ(layout->total_bytes, whole.size());
  EXPECT_EQ(Packed(Sample()), whole);
}

TEST(TensorPack, TheSameTensorsGiveTheSameBytes) { EXPECT_EQ(Packed(Sample()), Packed(Sample())); }

TEST(TensorPack, ManyTensorsFit) {
  std::vector<TensorView> tensors;
  for (int i = 0; i < 3000; ++i) {
    tensors.push_back(View("blob" + std::to_string(i), v1::DATA_TYPE_FLOAT32, {1}, "abcd"));
  }
  const UniqueFd file = MemoryFile(Packed(tensors));
  const auto pack = MappedTensorPack::MapUntrusted(file.get());
  ASSERT_TRUE(pack.ok()) << pack.status();
  EXPECT_EQ(pack->tensors().back().name, "blob2999");
  EXPECT_EQ(pack->tensors().back().bytes, "abcd");
}

TEST(TensorPack, AnEmptyFileAndAnEmptyPackHaveNoTensors) {
  const UniqueFd nothing = MemoryFile("");
  EXPECT_THAT(MappedTensorPack::MapUntrusted(nothing.get())->tensors(), IsEmpty());
  const UniqueFd none = MemoryFile(Packed({}));
  const auto pack = MappedTensorPack::MapUntrusted(none.get());
  ASSERT_TRUE(pack.ok()) << pack.status();
  EXPECT_THAT(pack->tensors(), IsEmpty());
}

TEST(TensorPack, MovesKeepTheViews) {
  const UniqueFd file = MemoryFile(Packed(Sample()));
  auto mapped = MappedTensorPack::MapUntrusted(file.get());
  ASSERT_TRUE(mapped.ok());
  MappedTensorPack moved = *std::move(mapped);
  MappedTensorPack assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.tensors()[0].bytes, "abcdefgh");
}

TEST(TensorPack, WhatDoesNotFitItsShapeIsNotPacked) {
  const auto refusal = [](const TensorView& view) {
    const absl::Status status = LayOutTensorPack({view}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return status.ToString();
  };
  EXPECT_THAT(refusal(View("w", v1::DATA_TYPE_FLOAT32, {2}, "abcd")), HasSubstr("4 bytes"));
  EXPECT_THAT(refusal(View("w", v1::DATA_TYPE_FLOAT32, {-1}, "")), HasSubstr("shape"));
  EXPECT_THAT(refusal(View("w", v1::DATA_TYPE_FLOAT32, {int64_t{1} << 62}, "")),
              HasSubstr("shape"));
  EXPECT_THAT(refusal(View("w", v1::DATA_TYPE_UNSPECIFIED, {1}, "abcd")), HasSubstr("type"));
  EXPECT_THAT(refusal(View("", v1::DATA_TYPE_UINT8, {1}, "a")), HasSubstr("name"));
  const TensorView twice = View("w", v1::DATA_TYPE_UINT8, {1}, "a");
  EXPECT_TRUE(absl::IsInvalidArgument(LayOutTensorPack({twice, twice}).status()));
}

TEST(TensorPack, AFullDiskIsSaid) {
  const TempFolder folder;
  const std::string path = folder.File("pack");
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const FileSizeLimit limit(256);
  EXPECT_TRUE(absl::IsResourceExhausted(WriteTensorPack(Sample(), file.get())));
}

// The elements of the last tensor reach to the end: every shorter file lacks something.
TEST(TensorPack, AFileThatWasCutOffAnywhereIsRefused) {
  const std::string whole = Packed({View("w", v1::DATA_TYPE_UINT8, {64}, std::string(64, 'w'))});
  ASSERT_TRUE(Refusal(whole).ok());
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Refusal(whole.substr(0, size)))) << size;
  }
}

TEST(TensorPack, AnotherFilesBytesAreRefused) {
  ExpectDamaged("SYNPACK2" + Packed(Sample()).substr(8), "it is none");
  ExpectDamaged(std::string(4096, 'x'), "it is none");
  ExpectDamaged("SYNPACK1" + std::string(8, '\xff') + std::string(100, '\0'), "longer than");
  ExpectDamaged("SYNPACK1" + std::string("\x08\0\0\0\0\0\0\0", 8) + std::string(64, '\xff'),
                "no TensorIndex");
}

TEST(TensorPack, EveryLieOfTheIndexIsRefused) {
  ASSERT_TRUE(Refusal(WithIndex([](v1::TensorIndex&) {})).ok()) << "the change is the damage";
  const auto damaged = [](const std::function<void(v1::TensorEntry&)>& change,
                          std::string_view text) {
    ExpectDamaged(WithIndex([&](v1::TensorIndex& i) { change(*i.mutable_tensors(0)); }), text);
  };
  damaged([](v1::TensorEntry& e) { e.set_offset(0); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_offset(e.offset() + 1); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_offset(uint64_t{1} << 40); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_offset(UINT64_MAX - 63); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_bytes(e.bytes() + 1); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_bytes(UINT64_MAX); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_dims(0, 3); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_dims(0, -2); }, "shape");
  damaged([](v1::TensorEntry& e) { e.set_dims(0, int64_t{1} << 40); }, "outside");
  damaged([](v1::TensorEntry& e) { e.set_dims(0, INT64_MAX); }, "shape");
  damaged([](v1::TensorEntry& e) { e.set_type(v1::DATA_TYPE_UNSPECIFIED); }, "type");
  damaged([](v1::TensorEntry& e) { e.set_type(static_cast<v1::DataType>(99)); }, "type");
  damaged([](v1::TensorEntry& e) { e.clear_name(); }, "name");
  damaged([](v1::TensorEntry& e) { e.set_name("scalar"); }, "name");
}

TEST(TensorPack, AnErrorsTextShowsNoControlCharacters) {
  const absl::Status refusal = Refusal(WithIndex([](v1::TensorIndex& index) {
    index.mutable_tensors(0)->set_name("\x1b[31m" + std::string(1000, 'n'));
    index.mutable_tensors(0)->set_offset(1);
  }));
  EXPECT_EQ(refusal.ToString().find('\x1b'), std::string::npos);
  EXPECT_LT(refusal.ToString().size(), 300u);
}

TEST(TensorPack, TypesHaveSizesAndNames) {
  EXPECT_EQ(ElementSize(v1::DATA_TYPE_FLOAT64), 8u);
  EXPECT_EQ(ElementSize(v1::DATA_TYPE_INT32), 4u);
  EXPECT_EQ(ElementSize(v1::DATA_TYPE_BOOL), 1u);
  EXPECT_EQ(ElementSize(v1::DATA_TYPE_UNSPECIFIED), 0u);
  EXPECT_EQ(DataTypeName(v1::DATA_TYPE_UINT8), "uint8");
}

}  // namespace
}  // namespace synergy
