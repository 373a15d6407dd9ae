// Finding boards by multicast DNS: the question, and answers as avahi and others send them.
#include "client/net/service_answer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <random>
#include <thread>

#include "client/net/board_search.h"
#include "common/unique_fd.h"

namespace synergy {
namespace {

std::string Name(std::initializer_list<std::string_view> labels) {
  std::string name;
  for (const std::string_view label : labels) {
    name += static_cast<char>(label.size());
    name += label;
  }
  return name + '\0';
}

std::string Words(std::initializer_list<unsigned> words) {
  std::string bytes;
  for (const unsigned word : words) {
    bytes += static_cast<char>(word >> 8);
    bytes += static_cast<char>(word & 0xff);
  }
  return bytes;
}

// A pointer's answer with the service's record beside it, whose names point back to what stands
// before.
std::string Answer(uint16_t port = 7741, const std::string& host = Name({"tx1", "local"})) {
  std::string packet = Words({0, 0x8400, 0, 1, 0, 1});
  packet += Name({"_synergy", "_tcp", "local"});
  const std::string instance = std::string("\x0e") + "synergy on tx1" + "\xc0\x0c";
  packet += Words({12, 1, 0, 120, static_cast<unsigned>(instance.size())});
  const size_t instance_at = packet.size();
  packet += instance;
  packet += Words({0xc000u | static_cast<unsigned>(instance_at), 33, 0x8001, 0, 120,
                   static_cast<unsigned>(6 + host.size()), 0, 0, port});
  return packet + host;
}

TEST(ServiceAnswer, TheQuestionAsksForTheServiceAndAnAnswerToTheAsker) {
  EXPECT_EQ(BoardsQuestion(),
            Words({0, 0, 1, 0, 0, 0}) + Name({"_synergy", "_tcp", "local"}) + Words({12, 0x8001}));
}

TEST(ServiceAnswer, ABoardIsFoundByItsHostAndPort) {
  const std::vector<AnnouncedBoard> boards = ParseAnswerUntrusted(Answer());
  ASSERT_EQ(boards.size(), 1u);
  EXPECT_EQ(boards[0].name, "synergy on tx1");
  EXPECT_EQ(boards[0].host, "tx1.local");
  EXPECT_EQ(boards[0].port, 7741);
}

TEST(ServiceAnswer, QuestionsOtherServicesAndStrangeNamesAreLeftOut) {
  EXPECT_TRUE(ParseAnswerUntrusted(BoardsQuestion()).empty());
  EXPECT_TRUE(ParseAnswerUntrusted(Answer(0)).empty());
  EXPECT_TRUE(ParseAnswerUntrusted(Answer(7741, Name({"-rf /", "local"}))).empty());
  std::string other = Answer();
  other.replace(other.find("_synergy"), 8, "_printer");
  EXPECT_TRUE(ParseAnswerUntrusted(other).empty());
}

TEST(ServiceAnswer, NamesThatPointInCirclesEnd) {
  std::string packet = Words({0, 0x8400, 0, 1, 0, 0});
  packet += "\xc0\x0c";
  packet += Words({33, 1, 0, 120, 8, 0, 0, 7741});
  EXPECT_TRUE(ParseAnswerUntrusted(packet).empty());
}

TEST(ServiceAnswer, EveryBeginningOfAnAnswerAndRandomBytesAreTaken) {
  const std::string whole = Answer();
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(ParseAnswerUntrusted(whole.substr(0, size)).empty()) << size;
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (int j = 0; j < 3; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)ParseAnswerUntrusted(bytes);
  }
}

TEST(BoardSearch, FindsWhoAnswersOnce) {
  const UniqueFd responder(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in own = {};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(own);
  ASSERT_EQ(bind(responder.get(), reinterpret_cast<sockaddr*>(&own), size), 0);
  ASSERT_EQ(getsockname(responder.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
  const std::jthread answering([&responder] {
    char question[512];
    sockaddr_in asker = {};
    socklen_t asker_size = sizeof(asker);
    recvfrom(responder.get(), question, sizeof(question), 0, reinterpret_cast<sockaddr*>(&asker),
             &asker_size);
    for (const std::string& answer : {std::string("garbage"), Answer(), Answer()}) {
      sendto(responder.get(), answer.data(), answer.size(), 0,
             reinterpret_cast<const sockaddr*>(&asker), asker_size);
    }
  });
  const auto boards = SearchBoards(Seconds(1), own);
  ASSERT_TRUE(boards.ok()) << boards.status();
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_EQ(boards->front().host, "tx1.local");
}

}  // namespace
}  // namespace synergy
