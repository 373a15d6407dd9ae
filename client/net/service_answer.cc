#include "client/net/service_answer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <utility>

namespace synergy {
namespace {

constexpr std::string_view kService = "_synergy._tcp.local";
constexpr size_t kHeadBytes = 12;
constexpr uint16_t kA = 1, kPtr = 12, kAaaa = 28, kSrv = 33;  // RFC 1035, 3596, 2782
constexpr uint16_t kInternet = 1, kAnswerToAsker = 0x8000;
constexpr size_t kMaxNameBytes = 255;

void Append16(std::string* packet, unsigned value) {
  *packet += static_cast<char>(value >> 8);
  *packet += static_cast<char>(value & 0xff);
}

// Reads a packet from its beginning on; whatever is not there ends the reading.
class PacketReader {
 public:
  explicit PacketReader(std::string_view packet) : packet_(packet) {}

  size_t at() const { return at_; }
  void Seek(size_t at) { at_ = at; }
  std::optional<uint16_t> Read16() {
    if (packet_.size() - at_ < 2) return std::nullopt;
    const auto high = static_cast<unsigned char>(packet_[at_]);
    const auto low = static_cast<unsigned char>(packet_[at_ + 1]);
    at_ += 2;
    return static_cast<uint16_t>(high << 8 | low);
  }
  std::string_view ReadBytes(size_t bytes) {  // that are there
    at_ += bytes;
    return packet_.substr(at_ - bytes, bytes);
  }
  bool Skip(size_t bytes) {
    if (packet_.size() - at_ < bytes) return false;
    at_ += bytes;
    return true;
  }
  // Labels with dots between them.
  std::optional<std::string> ReadName() {
    std::string name;
    size_t at = at_, lowest = at_;
    bool jumped = false;
    while (at < packet_.size()) {
      const auto size = static_cast<unsigned char>(packet_[at]);
      if (size == 0) {
        if (!jumped) at_ = at + 1;
        return name;
      }
      if (size >= 0xc0) {  // the rest stands at an earlier place (RFC 1035, 4.1.4)
        if (at + 1 >= packet_.size()) return std::nullopt;
        const size_t to = (size & 0x3fu) << 8 | static_cast<unsigned char>(packet_[at + 1]);
        if (!jumped) at_ = at + 2;
        jumped = true;
        if (to >= lowest) return std::nullopt;  // each jump goes further back: there is an end
        lowest = at = to;
        continue;
      }
      if (size >= 0x40 || packet_.size() - at - 1 < size) return std::nullopt;
      const std::string label(packet_.substr(at + 1, size));
      if (!name.empty()) name += '.';
      name += label;
      if (name.size() > kMaxNameBytes) return std::nullopt;
      at += size + size_t{1};
    }
    return std::nullopt;
  }

 private:
  const std::string_view packet_;
  size_t at_ = 0;
};

std::string Small(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "synergy on tx1._synergy._tcp.local": the first label may hold dots.
std::optional<std::string> InstanceOf(const std::string& name) {
  const std::string end = "." + std::string(kService);
  if (name.size() <= end.size() || !Small(name).ends_with(end)) return std::nullopt;
  return name.substr(0, name.size() - end.size());
}

// A host's name as the system resolves it, and no option or address of something else.
bool IsHostName(const std::string& name) {
  return !name.empty() && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

constexpr size_t kMaxAddresses = 16;  // of a host: somebody plays with us

struct Found {
  std::vector<AnnouncedBoard> boards;
  std::map<std::string, std::vector<std::string>> addresses;  // by host
};

// "": it is no address.
std::string AddressText(uint16_t type, std::string_view bytes) {
  const bool four = type == kA && bytes.size() == sizeof(in_addr);
  if (!four && !(type == kAaaa && bytes.size() == sizeof(in6_addr))) return "";
  std::array<char, INET6_ADDRSTRLEN> text = {};
  inet_ntop(four ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  return text.data();
}

// One resource record; false: the packet ends.
bool ReadRecord(PacketReader& reader, Found* found) {
  const std::optional<std::string> name = reader.ReadName();
  const std::optional<uint16_t> type = name ? reader.Read16() : std::nullopt;
  if (!type || !reader.Skip(2 + 4)) return false;  // class, time to live
  const std::optional<uint16_t> size = reader.Read16();
  if (!size) return false;
  const size_t data = reader.at();
  if (!reader.Skip(*size)) return false;
  const size_t next = reader.at();
  const std::optional<std::string> instance = InstanceOf(*name);
  if (*type == kSrv && instance) {
    reader.Seek(data);
    if (!reader.Skip(2 + 2)) return false;  // priority, weight
    const std::optional<uint16_t> port = reader.Read16();
    const std::optional<std::string> host = reader.ReadName();
    if (port && host && *port != 0 && IsHostName(*host)) {
      found->boards.push_back({.name = *instance, .host = Small(*host), .port = *port});
    }
  }
  reader.Seek(data);
  if (const std::string text = AddressText(*type, reader.ReadBytes(*size)); !text.empty()) {
    std::vector<std::string>& known = found->addresses[Small(*name)];
    if (known.size() < kMaxAddresses) known.push_back(text);
  }
  reader.Seek(next);
  return true;
}

}  // namespace

std::string BoardsQuestion() {
  std::string packet;
  // Number 0, a plain query, one question.
  for (const unsigned word : {0u, 0u, 1u, 0u, 0u, 0u}) Append16(&packet, word);
  for (std::string_view rest = kService; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    packet += static_cast<char>(label.size());
    packet += label;
    rest.remove_prefix(std::min(rest.size(), label.size() + 1));
  }
  packet += '\0';
  Append16(&packet, kPtr);
  Append16(&packet, kInternet | kAnswerToAsker);
  return packet;
}

std::vector<AnnouncedBoard> ParseAnswerUntrusted(std::string_view packet) {
  Found found;
  PacketReader reader(packet);
  uint16_t head[kHeadBytes / 2] = {};
  for (uint16_t& word : head) {
    const std::optional<uint16_t> read = reader.Read16();
    if (!read) return {};
    word = *read;
  }
  constexpr uint16_t kIsAnswer = 0x8000;
  if ((head[1] & kIsAnswer) == 0) return {};
  for (int question = 0; question < head[2]; ++question) {
    if (!reader.ReadName() || !reader.Skip(2 + 2)) return {};
  }
  const int records = head[3] + head[4] + head[5];
  for (int i = 0; i < records && ReadRecord(reader, &found); ++i) {
  }
  for (AnnouncedBoard& board : found.boards) board.addresses = found.addresses[board.host];
  return std::move(found.boards);
}

}  // namespace synergy
