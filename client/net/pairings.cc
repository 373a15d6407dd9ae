#include "client/net/pairings.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "common/files.h"
#include "fmt/format.h"
#include "google/protobuf/text_format.h"

namespace synergy {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 64 << 10;

bool Names(const v1::PairedBoard& board, std::string_view host) {
  return std::any_of(board.hosts().begin(), board.hosts().end(),
                     [host](const std::string& own) { return own == host; });
}

// A board chooses its own id: it must not lead out of the folder.
bool IsFileName(std::string_view id) {
  return !id.empty() && id.size() <= 64 && id.front() != '.' &&
         std::all_of(id.begin(), id.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

absl::StatusOr<v1::PairedBoard> ReadPairing(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxFileBytes);
  if (!text.ok()) return text.status();
  v1::PairedBoard board;
  if (!google::protobuf::TextFormat::ParseFromString(*text, &board)) {
    return absl::DataLossError(
        fmt::format("Reading {}: it is damaged; delete it, and pair with its board again", file));
  }
  return board;
}

absl::Status Write(const std::string& folder, const v1::PairedBoard& board) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(board, &text);
  return ReplaceFile(fmt::format("{}/{}", folder, board.board_id()), text, Sync::kYes);
}

}  // namespace

absl::StatusOr<std::string> PairingsFolder() {
  // The base directory specification: a relative XDG_CONFIG_HOME does not count.
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && xdg[0] == '/') {
    return std::string(xdg) + "/synergy/boards";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    return std::string(home) + "/.config/synergy/boards";
  }
  return absl::FailedPreconditionError(
      "cannot tell which boards are paired: neither XDG_CONFIG_HOME nor HOME is set");
}

absl::StatusOr<std::vector<v1::PairedBoard>> ReadPairings() {
  const absl::StatusOr<std::string> folder = PairingsFolder();
  if (!folder.ok()) return folder.status();
  std::vector<v1::PairedBoard> boards;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(*folder, error)) {
    if (!IsFileName(entry.path().filename().string())) continue;  // BOARD.new: a write was cut off
    absl::StatusOr<v1::PairedBoard> board = ReadPairing(entry.path());
    if (!board.ok()) return board.status();
    boards.push_back(*std::move(board));
  }
  return boards;
}

absl::Status CheckPairingsFolder() {
  const absl::StatusOr<std::string> folder = PairingsFolder();
  if (!folder.ok()) return folder.status();
  if (absl::Status made = MakeFolder(*folder, 0700); !made.ok()) return made;
  if (absl::Status read = ReadPairings().status(); !read.ok()) return read;
  // More than a pairing has. ReadPairings takes no such name for one.
  const std::string trial = *folder + "/.trial";
  absl::Status written = ReplaceFile(trial, std::string(8 << 10, ' '), Sync::kYes);
  std::error_code error;
  for (const char* end : {"", ".new"}) fs::remove(trial + end, error);
  return written;
}

absl::Status StorePairing(const v1::PairedBoard& board) {
  if (!IsFileName(board.board_id())) {
    return absl::InvalidArgumentError("the board calls itself by a name that is no id");
  }
  const absl::StatusOr<std::string> folder = PairingsFolder();
  if (!folder.ok()) return folder.status();
  if (absl::Status made = MakeFolder(*folder, 0700); !made.ok()) return made;
  const absl::StatusOr<std::vector<v1::PairedBoard>> others = ReadPairings();
  if (!others.ok()) return others.status();
  v1::PairedBoard stored = board;
  for (const v1::PairedBoard& other : *others) {
    if (other.board_id() != board.board_id()) continue;
    // A board chooses its id, its key it cannot choose.
    if (other.authority_pem() != board.authority_pem()) {
      return absl::FailedPreconditionError(fmt::format(
          "The board calls itself {0}, as one that you are paired with, but its key is another "
          "one. If that board was set up anew: `synergyctl unpair {0}`, then pair once more",
          board.board_id()));
    }
    for (const std::string& host : other.hosts()) {
      if (!Names(stored, host)) stored.add_hosts(host);
    }
  }
  for (v1::PairedBoard other : *others) {
    const auto is_ours = [&board](const std::string& host) { return Names(board, host); };
    auto* hosts = other.mutable_hosts();
    const auto kept = std::remove_if(hosts->begin(), hosts->end(), is_ours);
    if (other.board_id() == board.board_id() || kept == hosts->end()) continue;
    hosts->erase(kept, hosts->end());
    if (absl::Status written = Write(*folder, other); !written.ok()) return written;
  }
  return Write(*folder, stored);
}

absl::StatusOr<v1::PairedBoard> RemovePairing(std::string_view host_or_id) {
  const absl::StatusOr<std::vector<v1::PairedBoard>> boards = ReadPairings();
  if (!boards.ok()) return boards.status();
  for (const v1::PairedBoard& board : *boards) {
    if (board.board_id() != host_or_id && !Names(board, host_or_id)) continue;
    std::error_code error;
    const std::string file = fmt::format("{}/{}", *PairingsFolder(), board.board_id());
    if (fs::remove(file, error)) return board;
    return absl::InternalError(fmt::format("Deleting {}: {}", file, error.message()));
  }
  return absl::NotFoundError(fmt::format("This user is not paired with {}", host_or_id));
}

const v1::PairedBoard* PairingNamed(const std::vector<v1::PairedBoard>& boards,
                                    std::string_view host) {
  for (const v1::PairedBoard& board : boards) {
    if (Names(board, host)) return &board;
  }
  return nullptr;
}

absl::StatusOr<v1::PairedBoard> FindPairing(const std::vector<v1::PairedBoard>& boards,
                                            std::string_view host, std::string_view board_id) {
  const v1::PairedBoard* found = nullptr;
  for (const v1::PairedBoard& board : boards) {
    if (Names(board, host) && board.board_id() != board_id) {
      return absl::FailedPreconditionError(fmt::format(
          "Another board answers at {} now: {}, and you are paired with {} there. If that is "
          "meant, pair with it: `synergyd pair` on the board, then `synergyctl pair {} CODE`",
          host, board_id, board.board_id(), host));
    }
    if (board.board_id() == board_id) found = &board;
  }
  if (found != nullptr) return *found;
  return absl::UnauthenticatedError(
      fmt::format("You are not paired with the board {} at {}: run `synergyd pair` on the board, "
                  "and here the line that it prints (synergyctl pair {} CODE)",
                  board_id, host, host));
}

}  // namespace synergy
