// Finding boards by multicast DNS: the question, and answers as avahi and others send them.
#include "client/net/service_answer.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
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

// The same with a record of the host's address.
std::string AnswerWithAddress(unsigned type, const std::string& address,
                              const std::string& host = Name({"tx1", "local"})) {
  std::string packet = Answer();
  packet[11] = 2;  // records beside the answer
  packet += host + Words({type, 0x8001, 0, 120, static_cast<unsigned>(address.size())});
  return packet + address;
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

TEST(ServiceAnswer, ABoardHasTheAddressesOfItsHostAlone) {
  const auto addresses = [](const std::string& packet) {
    return ParseAnswerUntrusted(packet).at(0).addresses;
  };
  EXPECT_EQ(addresses(AnswerWithAddress(1, "\xc0\xa8\x01\x07")),
            std::vector<std::string>{"192.168.1.7"});
  EXPECT_EQ(addresses(AnswerWithAddress(1, "\xc0\xa8\x01\x07", Name({"TX1", "local"}))),
            std::vector<std::string>{"192.168.1.7"});
  EXPECT_TRUE(addresses(AnswerWithAddress(1, "\xc0\xa8\x01")).empty()) << "too short for one";
  EXPECT_TRUE(addresses(AnswerWithAddress(28, "\xc0\xa8\x01\x07")).empty());
  EXPECT_TRUE(addresses(AnswerWithAddress(1, "\xc0\xa8\x01\x07", Name({"tx2", "local"}))).empty());
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
  const std::string whole = AnswerWithAddress(1, "\xc0\xa8\x01\x07");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ParseAnswerUntrusted(whole.substr(0, size)).empty(), size < Answer().size()) << size;
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (int j = 0; j < 3; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)ParseAnswerUntrusted(bytes);
  }
}

// Answers one question at a loopback address with each of `answers`.
class Responder {
 public:
  Responder(int family, std::vector<std::string> answers)
      : socket_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    own_.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
      reinterpret_cast<sockaddr_in&>(own_).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      reinterpret_cast<sockaddr_in6&>(own_).sin6_addr = in6addr_loopback;
    }
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    bound_ = bind(socket_.get(), reinterpret_cast<sockaddr*>(&own_), size) == 0 &&
             getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own_), &size) == 0;
    if (!bound_) return;
    thread_ = std::jthread([this, answers = std::move(answers)] {
      char question[512];
      sockaddr_storage asker = {};
      socklen_t asker_size = sizeof(asker);
      recvfrom(socket_.get(), question, sizeof(question), 0, reinterpret_cast<sockaddr*>(&asker),
               &asker_size);
      for (const std::string& answer : answers) {
        sendto(socket_.get(), answer.data(), answer.size(), 0,
               reinterpret_cast<const sockaddr*>(&asker), asker_size);
      }
    });
  }
  bool bound() const { return bound_; }
  const sockaddr_storage& address() const { return own_; }

 private:
  const UniqueFd socket_;
  sockaddr_storage own_ = {};
  bool bound_ = false;
  std::jthread thread_;
};

TEST(BoardSearch, FindsWhoAnswersOnce) {
  const Responder responder(AF_INET, {"garbage", Answer(), Answer()});
  ASSERT_TRUE(responder.bound());
  const auto boards = SearchBoards(Seconds(1), {responder.address()});
  ASSERT_TRUE(boards.ok()) << boards.status();
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_EQ(boards->front().host, "tx1.local");
}

TEST(BoardSearch, FindsABoardThatIsAnnouncedByIpv6Alone) {
  const std::string fe80 = std::string("\xfe\x80") + std::string(13, '\0') + '\x01';
  const Responder six(AF_INET6, {AnswerWithAddress(28, fe80)});
  if (!six.bound()) GTEST_SKIP() << "this machine has no IPv6";
  const Responder four(AF_INET, {"garbage"});
  ASSERT_TRUE(four.bound());
  const auto boards = SearchBoards(Seconds(1), {four.address(), six.address()});
  ASSERT_TRUE(boards.ok()) << boards.status();
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_EQ(boards->front().host, "tx1.local");
  EXPECT_EQ(boards->front().addresses, std::vector<std::string>{"fe80::1"});
}

TEST(BoardSearch, WhoAnswersByBothIsOneBoardWithBothAddresses) {
  const Responder six(AF_INET6, {AnswerWithAddress(28, std::string(15, '\0') + '\x07')});
  if (!six.bound()) GTEST_SKIP() << "this machine has no IPv6";
  const Responder four(AF_INET, {AnswerWithAddress(1, "\xc0\xa8\x01\x07")});
  const auto boards = SearchBoards(Seconds(1), {four.address(), six.address()});
  ASSERT_TRUE(boards.ok()) << boards.status();
  ASSERT_EQ(boards->size(), 1u);
  EXPECT_THAT(boards->front().addresses, testing::UnorderedElementsAre("192.168.1.7", "::7"));
}

TEST(BoardSearch, TheQuestionGoesToBothMulticastAddresses) {
  const std::vector<sockaddr_storage> both = MulticastDns();
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].ss_family, AF_INET);
  EXPECT_EQ(both[1].ss_family, AF_INET6);
  EXPECT_TRUE(IN6_IS_ADDR_MC_LINKLOCAL(&reinterpret_cast<const sockaddr_in6&>(both[1]).sin6_addr));
}

}  // namespace
}  // namespace synergy
