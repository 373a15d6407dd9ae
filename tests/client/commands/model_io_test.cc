// What goes into a network and what comes out of it, as files on the host.
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "client/commands/exit_code.h"
#include "client/commands/input_values.h"
#include "client/commands/output_files.h"
#include "client/commands/packed_object.h"
#include "client/commands/user_file.h"
#include "client/models/npy.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/memory_file.h"
#include "tests/support/temp_folder.h"

namespace synergy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string Floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string Npy(v1::DataType type, const std::vector<int64_t>& dims, const std::string& bytes) {
  return *NpyPrefix(type, dims) + bytes;
}

std::string Packed(const std::vector<TensorView>& tensors) {
  const UniqueFd file = MemoryFile("");
  EXPECT_TRUE(WriteTensorPack(tensors, file.get()).ok());
  std::string bytes(static_cast<size_t>(lseek(file.get(), 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  return bytes;
}

class ModelIo : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_.File(name)) << bytes;
    return folder_.File(name);
  }
  std::string Content(const std::string& name) {
    std::ifstream file(folder_.File(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void ExpectUsage(const absl::Status& status, const std::string& text) {
    EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage) << status;
    EXPECT_THAT(status.ToString(), HasSubstr(text));
  }

  TempFolder folder_;
};

TEST_F(ModelIo, APackedObjectIsTheFileThatIsNeverMade) {
  const std::string big(5'000'001, 'b');
  const std::vector<TensorView> tensors = {
      {"a", v1::DATA_TYPE_UINT8, {3}, "aaa"},
      {"none", v1::DATA_TYPE_UINT8, {0}, ""},
      {"big", v1::DATA_TYPE_UINT8, {static_cast<int64_t>(big.size())}, big},
      {"last", v1::DATA_TYPE_UINT8, {64}, std::string_view(big).substr(0, 64)}};
  const std::string whole = Packed(tensors);
  const auto made = PackedObject::Make(tensors);
  ASSERT_TRUE(made.ok()) << made.status();
  const PackedObject object = *made;  // a copy reads its own head
  EXPECT_EQ(object.ref().bytes(), whole.size());
  Sha256 hash;
  hash.Update(whole);
  EXPECT_EQ(object.ref().sha256(), hash.Finish());
  for (const size_t offset : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{300},
                              size_t{4'000'000}, whole.size() - 130, whole.size()}) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{200}, size_t{1} << 20}) {
      const size_t wanted = std::min(size, whole.size() - offset);
      std::string read(wanted, 'x');
      ASSERT_TRUE(object.Read(offset, read.data(), wanted).ok());
      ASSERT_EQ(read, whole.substr(offset, wanted)) << offset << " " << wanted;
    }
  }
  char byte;
  EXPECT_FALSE(object.Read(whole.size(), &byte, 1).ok());
}

TEST_F(ModelIo, UserFilesThatCannotBeReadSayWhy) {
  EXPECT_EQ(*ReadUserFile(Write("f", "abc"), 3), "abc");
  ExpectUsage(ReadUserFile(folder_.File("f"), 2).status(), "3 bytes, at most 2");
  ExpectUsage(ReadUserFile(folder_.File("missing"), 9).status(), "missing");
  ExpectUsage(ReadUserFile(folder_.path(), 9).status(), "folder");
  ExpectUsage(ReadUserFile("/dev/null", 9).status(), "no regular file");
  ExpectUsage(ReadUserFile(Write("empty", ""), 9).status(), "empty");
  ASSERT_EQ(mkfifo(folder_.File("pipe").c_str(), 0600), 0);
  ExpectUsage(ReadUserFile(folder_.File("pipe"), 9).status(), "no regular file");
}

Model OneInput() {
  Model model;
  model.name = "net";
  model.inputs = {{"data", {1, 2}, v1::DATA_TYPE_FLOAT32}};
  return model;
}

TEST_F(ModelIo, AnArrayOfTheInputsShapeBecomesItsValues) {
  const std::string file = Write("x.npy", Npy(v1::DATA_TYPE_FLOAT32, {1, 2}, Floats({1, 2})));
  for (const std::string& flag : {file, "data=" + file}) {
    auto read = ReadInputValues({flag}, OneInput());
    ASSERT_TRUE(read.ok()) << read.status();
    const InputValues values = *std::move(read);
    ASSERT_EQ(values.tensors.size(), 1u);
    EXPECT_EQ(values.tensors[0].name, "data");
    EXPECT_EQ(values.tensors[0].bytes, Floats({1, 2}));
  }
}

TEST_F(ModelIo, APictureBecomesAnInput) {
  Model model;
  model.inputs = {{"data", {1, 3, 1, 1}, v1::DATA_TYPE_FLOAT32}};
  const auto read = ReadInputValues({Write("x.PPM", "P6\n1 1\n255\nabc")}, model);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->tensors[0].bytes.size(), 12u);
  ExpectUsage(ReadInputValues({folder_.File("x.PPM")}, OneInput()).status(), ".npy");
  model.inputs[0].type = v1::DATA_TYPE_UINT8;
  ExpectUsage(ReadInputValues({folder_.File("x.PPM")}, model).status(), "uint8");
}

TEST_F(ModelIo, ArraysThatDoNotFitNameTheRemedy) {
  const auto refusal = [&](v1::DataType type, const std::vector<int64_t>& dims, size_t bytes) {
    const auto file = Write("x.npy", Npy(type, dims, std::string(bytes, '\0')));
    return ReadInputValues({file}, OneInput()).status();
  };
  ExpectUsage(refusal(v1::DATA_TYPE_FLOAT32, {2}, 8), "a[None]");
  ExpectUsage(refusal(v1::DATA_TYPE_FLOAT32, {2, 1}, 8), "takes 1x2");
  ExpectUsage(refusal(v1::DATA_TYPE_FLOAT64, {1, 2}, 16), "astype('float32')");
  ExpectUsage(ReadInputValues({Write("bad.npy", "no array")}, OneInput()).status(), "bad.npy");
}

TEST_F(ModelIo, FlagsNameAnInputWhereThereAreSeveral) {
  Model model = OneInput();
  model.inputs.push_back({"data=2", {1}, v1::DATA_TYPE_INT64});
  const std::string file = Write("i.npy", Npy(v1::DATA_TYPE_INT64, {1}, std::string(8, '\1')));
  const auto read = ReadInputValues({"data=2=" + file}, model);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->tensors[0].name, "data=2");
  ExpectUsage(ReadInputValues({file}, model).status(), "data (1x2), data=2 (1)");
  ExpectUsage(ReadInputValues({"other=" + file}, model).status(), "BLOB=FILE");
  ExpectUsage(ReadInputValues({"data=2=" + file, "data=2=" + file}, model).status(), "twice");
  ExpectUsage(ReadInputValues({"data=x.gif"}, model).status(), ".npy, .ppm");
}

TEST_F(ModelIo, OneOutputGoesToTheFileAndSeveralBesideIt) {
  EXPECT_THAT(*PlanOutputFiles("out.npy", {"prob"}), ElementsAre(Pair("prob", "out.npy")));
  EXPECT_THAT(*PlanOutputFiles("out.npy", {"a/b", "c"}),
              ElementsAre(Pair("a/b", "out.a_b.npy"), Pair("c", "out.c.npy")));
  ExpectUsage(PlanOutputFiles("out.npy", {"a/b", "a_b"}).status(), "out.a_b.npy");
  ExpectUsage(PlanOutputFiles("out.bin", {"a"}).status(), ".npy");
  ExpectUsage(PlanOutputFiles("/nonexistent/out.npy", {"a"}).status(), "does not exist");
  std::filesystem::create_directory(folder_.File("f.npy"));
  ExpectUsage(PlanOutputFiles(folder_.File("f.npy"), {"a"}).status(), "it is a folder");
  ExpectUsage(PlanOutputFiles("/proc/out.npy", {"a"}).status(), "/proc/out.npy");
  const std::string long_name = std::string(300, 'b');
  ExpectUsage(PlanOutputFiles(folder_.File("o.npy"), {"a", long_name}).status(), "too long");
  ASSERT_TRUE(PlanOutputFiles(folder_.File("o.npy"), {"a"}).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_.File("o.npy.new"))) << "nothing is left of a try";
}

// Gives `bytes` in parts.
PackFetcher Giving(const std::string& bytes) {
  return [bytes](const std::function<absl::Status(std::string_view)>& on_part) {
    for (size_t at = 0; at < bytes.size(); at += 100) {
      if (absl::Status status = on_part(std::string_view(bytes).substr(at, 100)); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  };
}

TEST_F(ModelIo, OutputsAreWrittenAsArraysAndNansAreNoted) {
  const std::string values = Floats({1, NAN, INFINITY});
  const std::string pack = Packed(
      {{"prob", v1::DATA_TYPE_FLOAT32, {3}, values}, {"kept", v1::DATA_TYPE_UINT8, {1}, "k"}});
  Write("p.npy", "an older file");
  const auto notes = FetchOutputFiles(
      {{"prob", folder_.File("p.npy")}, {"kept", folder_.File("k.npy")}}, Giving(pack));
  ASSERT_TRUE(notes.ok()) << notes.status();
  EXPECT_THAT(*notes, testing::Contains(HasSubstr("1 NaN and 1 infinite")));
  const std::string file = Content("p.npy");
  const auto array = ParseNpyUntrusted(file);
  ASSERT_TRUE(array.ok()) << array.status();
  EXPECT_EQ(array->bytes, values);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("p.npy.new")));
}

TEST_F(ModelIo, OutputsThatDoNotComeLeaveTheOlderFile) {
  Write("p.npy", "an older file");
  const std::map<std::string, std::string> files = {{"prob", folder_.File("p.npy")}};
  const std::string pack = Packed({{"other", v1::DATA_TYPE_UINT8, {1}, "k"}});
  EXPECT_EQ(ExitCodeOf(FetchOutputFiles(files, Giving(pack)).status()), ExitCode::kFailedCheck);
  EXPECT_EQ(ExitCodeOf(FetchOutputFiles(files, Giving("garbage")).status()),
            ExitCode::kFailedCheck);
  const auto lost = [](const auto&) { return FromDevice(absl::UnavailableError("reset")); };
  EXPECT_EQ(ExitCodeOf(FetchOutputFiles(files, lost).status()), ExitCode::kNotReached);
  EXPECT_EQ(Content("p.npy"), "an older file");
}

}  // namespace
}  // namespace synergy
