#include "daemon/clocks/restore_journal.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <utility>

#include "common/files.h"
#include "common/records/chunk.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace synergy {
namespace {

using Json = nlohmann::ordered_json;
using State = JournalContents::State;

constexpr std::string_view kHead = "synergy-restore-journal 1 crc32c=";
// A board with 256 cores, each with a policy of its own, fits in a quarter of it.
constexpr size_t kMaxBytes = 4 << 20;

constexpr std::array<std::pair<State, const char*>, 3> kStates = {
    {{State::kTaking, "taking"}, {State::kHeld, "held"}, {State::kRestoring, "restoring"}}};

Json ItemJson(const JournalItem& item) {
  Json json;
  json[item.kind == JournalItem::Kind::kDriver ? "device" : "attribute"] = item.path;
  if (!item.read_path.empty()) json["read_at"] = item.read_path;
  json["original"] = item.original;
  if (item.asked.has_value()) json["asked"] = *item.asked;
  if (item.settled.has_value()) json["settled"] = *item.settled;
  if (item.foreign) json["foreign"] = true;
  if (item.momentary) json["momentary"] = true;
  return json;
}

// Throws what nlohmann::json throws where it is not what ItemJson made.
JournalItem ParseItem(const Json& json) {
  JournalItem item;
  const bool device = json.contains("device");
  item.kind = device ? JournalItem::Kind::kDriver : JournalItem::Kind::kValue;
  item.path = json.at(device ? "device" : "attribute").get<std::string>();
  if (json.contains("read_at")) item.read_path = json.at("read_at").get<std::string>();
  item.original = json.at("original").get<std::string>();
  if (json.contains("asked")) item.asked = json.at("asked").get<std::string>();
  if (json.contains("settled")) item.settled = json.at("settled").get<std::string>();
  if (json.contains("foreign")) item.foreign = json.at("foreign").get<bool>();
  if (json.contains("momentary")) item.momentary = json.at("momentary").get<bool>();
  return item;
}

JournalContents ParseContents(const Json& json) {
  JournalContents contents;
  contents.boot_id = json.at("boot_id").get<std::string>();
  contents.holder = json.at("holder").get<std::string>();
  const std::string state = json.at("state").get<std::string>();
  for (const auto& [value, name] : kStates) {
    if (state == name) contents.state = value;
  }
  for (const Json& item : json.at("items")) contents.items.push_back(ParseItem(item));
  return contents;
}

absl::Status Damaged(std::string_view origin, std::string_view why) {
  return absl::DataLossError(fmt::format("The restore journal {} is damaged: {}", origin, why));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

std::string FormatJournal(const JournalContents& contents) {
  Json json;
  json["boot_id"] = contents.boot_id;
  json["holder"] = contents.holder;
  for (const auto& [value, name] : kStates) {
    if (contents.state == value) json["state"] = name;
  }
  json["items"] = Json::array();
  for (const JournalItem& item : contents.items) json["items"].push_back(ItemJson(item));
  // Invalid UTF-8 in an attribute's value is replaced, not thrown at the lease.
  const std::string body = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return fmt::format("{}{:08x}\n{}", kHead, Crc32c(body), body);
}

absl::StatusOr<JournalContents> ParseJournal(std::string_view text, std::string_view origin) {
  const size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos || !text.starts_with(kHead)) {
    return Damaged(origin, fmt::format("it does not begin with \"{}\"", kHead));
  }
  const std::string_view body = text.substr(line_end + 1);
  const std::string checksum = fmt::format("{:08x}", Crc32c(body));
  if (text.substr(kHead.size(), line_end - kHead.size()) != checksum) {
    return Damaged(origin, fmt::format("the checksum of its contents is {}", checksum));
  }
  JournalContents contents;
  try {
    contents = ParseContents(Json::parse(body));
  } catch (const Json::exception& error) {
    return Damaged(origin, error.what());
  }
  // What FormatJournal does not write back the same is not of this version.
  if (FormatJournal(contents) != text) return Damaged(origin, "it says things of another version");
  return contents;
}

absl::StatusOr<JournalContents> ReadJournal(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxBytes);
  if (absl::IsResourceExhausted(text.status())) return Damaged(path, "it is too long");
  if (!text.ok()) return text.status();
  return ParseJournal(*text, path);
}

absl::StatusOr<RestoreJournal> RestoreJournal::Open(const std::string& path) {
  if (absl::Status made = MakeFolder(FolderOf(path), 0700); !made.ok()) return made;
  const std::string lock = path + ".lock";
  absl::StatusOr<std::optional<FileLock>> held = FileLock::TryTake(lock);
  if (!held.ok()) return held.status();
  if (!held->has_value()) {
    return absl::FailedPreconditionError(fmt::format(
        "Somebody else holds the lease of {}: wait until it ends, or stop that synergyd", path));
  }
  return RestoreJournal(path, **std::move(held));
}

absl::StatusOr<std::optional<JournalContents>> RestoreJournal::Read() const {
  absl::StatusOr<JournalContents> contents = ReadJournal(path_);
  if (absl::IsNotFound(contents.status())) return std::optional<JournalContents>();
  if (!contents.ok()) return contents.status();
  return std::optional<JournalContents>(*std::move(contents));
}

absl::Status RestoreJournal::Write(const JournalContents& contents) {
  return ReplaceFile(path_, FormatJournal(contents), Sync::kYes);
}

absl::Status RestoreJournal::Remove() {
  // What a crash in the middle of Write may have left.
  unlink((path_ + ".new").c_str());
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) {
    return FileError("Removing", path_, errno);
  }
  return SyncPath(FolderOf(path_));
}

absl::StatusOr<std::string> RestoreJournal::Archive(std::string_view reason) {
  std::string name = fmt::format("{}.{}", path_, reason);
  for (int i = 2; access(name.c_str(), F_OK) == 0; ++i) {
    name = fmt::format("{}.{}-{}", path_, reason, i);
  }
  if (rename(path_.c_str(), name.c_str()) != 0) return FileError("Renaming", path_, errno);
  if (absl::Status synced = SyncPath(FolderOf(path_)); !synced.ok()) return synced;
  return name;
}

}  // namespace synergy
