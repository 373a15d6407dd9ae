// Pairing over TCP, and an active attacker in the middle of it: the front and the client, with a
// fake root side.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "client/net/board_pairing.h"
#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "client/net/preflight.h"
#include "common/certificates.h"
#include "common/pairing_code.h"
#include "common/tls_stream.h"
#include "daemon/front/front_server.h"
#include "fmt/format.h"
#include "tests/daemon/front/fake_root.h"

namespace synergy {
namespace {

using testing::HasSubstr;
using testing::Not;

class PairingTest : public testing::Test {
 protected:
  PairingTest() {
    setenv("XDG_CONFIG_HOME", root_.folder().File("config").c_str(), 1);
    front_ = FrontServer::Start(std::make_unique<ControlChannel>(root_.StartFront()), RealClock())
                 .value();
  }

  std::string Code(v1::Role role = v1::ROLE_RUN) {
    return root_.access().OpenPairing(role).value();
  }
  absl::Status PairBy(const std::string& code) {
    const absl::StatusOr<v1::PairedBoard> board = PairWithBoard(root_.tcp_host(), code, "me@here");
    return board.ok() ? StorePairing(*board) : board.status();
  }
  std::string authority() {
    return ReadBoardCredentials(root_.access().path()).value().authority.certificate;
  }
  int clients() { return root_.access().clients().clients_size(); }

  FakeRoot root_;
  std::unique_ptr<FrontServer> front_;
};

TEST_F(PairingTest, ACodePairsOnceAndTheClientMayComeAtOnce) {
  const std::string code = Code(v1::ROLE_WATCH);
  ASSERT_EQ(code.size(), kPairingCodeLetters);
  ASSERT_TRUE(PairBy(code).ok());
  EXPECT_TRUE(DeviceClient::Connect(root_.tcp_host()).ok());
  EXPECT_EQ(PairBy(code).code(), absl::StatusCode::kNotFound);  // replayed
  EXPECT_EQ(clients(), 1);
  EXPECT_EQ(root_.access().clients().clients(0).name(), "me@here");
}

TEST_F(PairingTest, AnExpiredCodeDoesNotPair) {
  const std::string code = Code();
  root_.PassTime(AccessFolder::kPairingNs);
  EXPECT_EQ(PairBy(code).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(clients(), 0);
}

TEST_F(PairingTest, TheFifthGuessEndsThePairing) {
  const std::string code = Code();
  for (int i = 0; i < 5; ++i) {
    const std::string guess = code.substr(0, kPairingKeyLetters) + MakePairingSecret();
    EXPECT_EQ(PairBy(guess).code(), absl::StatusCode::kPermissionDenied);
  }
  EXPECT_EQ(PairBy(code).code(), absl::StatusCode::kNotFound);
}

UniqueFd ConnectRaw(const std::string& host) {
  return std::move(FindDaemon(ParseHost(host).value(), Seconds(10)).value().connection);
}

// A socket that listens on the loopback address.
class Listening {
 public:
  Listening() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
    EXPECT_EQ(listen(socket_.get(), 4), 0);
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
    host_ = fmt::format("127.0.0.1:{}", ntohs(name.sin_port));
  }
  const std::string& host() const { return host_; }
  UniqueFd Accept() const {
    return UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  // Whoever waits in Accept gets none.
  void Stop() const { shutdown(socket_.get(), SHUT_RDWR); }

 private:
  const UniqueFd socket_;
  std::string host_;
};

// Whoever stands between and speaks with a key of its own, and keeps what it is told.
class ManInTheMiddle {
 public:
  explicit ManInTheMiddle(CertifiedKey keys)
      : keys_(std::move(keys)), thread_([this] { Listen(); }) {}
  const std::string& host() const { return listening_.host(); }
  // What it was told, after its victim has gone.
  absl::StatusOr<v1::PairRequest> Heard() {
    thread_.join();
    return heard_;
  }

 private:
  void Listen() {
    UniqueFd victim = listening_.Accept();
    std::string preface(kPairingPreface.size(), '\0');
    EXPECT_EQ(recv(victim.get(), preface.data(), preface.size(), MSG_WAITALL),
              static_cast<ssize_t>(preface.size()));
    auto stream =
        TlsStream::Accept(std::move(victim), keys_, RealClock().Now() + Seconds(20)).value();
    v1::PairRequest request;
    const absl::Status status = stream->Receive(&request);
    if (status.ok()) {
      heard_ = request;
    } else {
      heard_ = status;
    }
  }

  const CertifiedKey keys_;
  const Listening listening_;
  absl::StatusOr<v1::PairRequest> heard_ = absl::UnknownError("nothing yet");
  std::jthread thread_;
};

CertifiedKey OwnKeys() {
  return MakeBoardCertificate(MakeAuthority("board-1").value(), "board-1").value();
}

size_t LettersInCommon(const std::string& code, const CertifiedKey& keys) {
  const std::string own = PairingKeyLetters(PublicKeySha256(keys.certificate).value());
  size_t same = 0;
  while (same < own.size() && own[same] == code[same]) ++same;
  return same;
}

TEST_F(PairingTest, WhoSubstitutesTheBoardsKeyHearsNothing) {
  const std::string code = Code();
  ManInTheMiddle man(OwnKeys());
  const absl::Status status = PairWithBoard(man.host(), code, "me@here").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("nothing was sent"));
  EXPECT_EQ(man.Heard().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(clients(), 0);
  EXPECT_TRUE(PairBy(code).ok()) << "the code is not spent";
}

// Silent before the first byte, behind the line that asks for a pairing, or in the middle of TLS.
TEST_F(PairingTest, FiftySilentConnectionsKeepNobodyFromPairing) {
  const std::string code = Code();
  const std::string preface(kPairingPreface);
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 50; ++i) {
    const std::string said = i % 5 == 0 ? "" : preface + (i % 2 == 0 ? "" : "\x16\x03\x01");
    silent.push_back(ConnectRaw(root_.tcp_host()));
    ASSERT_EQ(send(silent.back().get(), said.data(), said.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(said.size()));
  }
  const MonotonicTime begin = RealClock().Now();
  const absl::Status paired = PairBy(code);
  EXPECT_TRUE(paired.ok()) << paired;
  EXPECT_LT((RealClock().Now() - begin).count, Seconds(5).count) << "a silent one is given ten";
  for (const UniqueFd& fd : silent) {
    char byte = 0;
    EXPECT_EQ(recv(fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT), -1) << "it was ended";
  }
}

// The best of a thousand keys shares two letters with the code; all sixteen count.
TEST_F(PairingTest, WhoSearchesForASimilarKeyHearsNothing) {
  const std::string code = Code();
  CertifiedKey best = OwnKeys();
  for (int i = 0; i < 1000; ++i) {
    CertifiedKey next = OwnKeys();
    if (LettersInCommon(code, next) > LettersInCommon(code, best)) best = std::move(next);
  }
  ManInTheMiddle man(best);
  EXPECT_EQ(PairWithBoard(man.host(), code, "me@here").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(man.Heard().status().code(), absl::StatusCode::kUnavailable);
}

// Whoever stands between and hands on what comes, changed or not, and keeps it.
class Relay {
 public:
  // Of the bytes that go to the board or come from it, numbered by direction.
  using Change = std::function<char(bool to_board, size_t number, char byte)>;

  Relay(std::string board, Change change)
      : board_(std::move(board)), change_(std::move(change)), thread_([this] { Run(); }) {}
  const std::string& host() const { return listening_.host(); }
  // What went to the board and what came from it, after the victim has gone.
  std::string Recorded(bool to_board) {
    if (thread_.joinable()) thread_.join();
    return recorded_[to_board ? 1 : 0];
  }

 private:
  void Run() {
    const UniqueFd victim = listening_.Accept();
    const UniqueFd board =
        std::move(FindDaemon(ParseHost(board_).value(), Seconds(10)).value().connection);
    while (HandOn(victim.get(), board.get())) {
    }
  }
  bool HandOn(int victim, int board) {
    pollfd pollers[2] = {{.fd = victim, .events = POLLIN, .revents = 0},
                         {.fd = board, .events = POLLIN, .revents = 0}};
    poll(pollers, 2, -1);
    for (const bool to_board : {true, false}) {
      if (pollers[to_board ? 0 : 1].revents == 0) continue;
      char bytes[4096];
      const ssize_t size = recv(to_board ? victim : board, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (size <= 0) return false;
      std::string& recorded = recorded_[to_board ? 1 : 0];
      for (ssize_t i = 0; i < size; ++i) {
        bytes[i] = change_(to_board, recorded.size(), bytes[i]);
        recorded += bytes[i];
      }
      if (send(to_board ? board : victim, bytes, static_cast<size_t>(size), MSG_NOSIGNAL) != size) {
        return false;
      }
    }
    return true;
  }

  const std::string board_;
  const Change change_;
  const Listening listening_;
  std::string recorded_[2];
  std::jthread thread_;
};

char Unchanged(bool, size_t, char byte) { return byte; }

TEST_F(PairingTest, WhoRelaysReadsNothingAndCannotReplayIt) {
  const std::string code = Code();
  Relay relay(root_.tcp_host(), Unchanged);
  const absl::StatusOr<v1::PairedBoard> board = PairWithBoard(relay.host(), code, "me@here");
  ASSERT_TRUE(board.ok()) << board.status();
  EXPECT_EQ(board->authority_pem(), authority());
  EXPECT_TRUE(CheckCertificate(board->certificate_pem(), board->key_pem(), authority()).ok());
  const std::string sent = relay.Recorded(true);
  EXPECT_THAT(sent, Not(HasSubstr(code.substr(kPairingKeyLetters))));
  EXPECT_THAT(sent, Not(HasSubstr("CERTIFICATE REQUEST")));
  ASSERT_EQ(clients(), 1);

  const std::string next = Code();  // another host is being paired
  const UniqueFd replay = ConnectRaw(root_.tcp_host());
  ASSERT_EQ(send(replay.get(), sent.data(), sent.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(sent.size()));
  // The board answers the hello of then with one of now, finds that the rest does not fit, and
  // closes.
  char answer[4096];
  pollfd poller{.fd = replay.get(), .events = POLLIN, .revents = 0};
  do {
    poll(&poller, 1, -1);
  } while (recv(replay.get(), answer, sizeof(answer), MSG_DONTWAIT) > 0);
  EXPECT_EQ(clients(), 1);
  EXPECT_TRUE(PairBy(next).ok());
}

// Whatever byte is changed on the way: the host trusts the board's authority or nobody, and only
// the host's own key is ever signed.
TEST_F(PairingTest, WhoChangesWhatItRelaysIsNotTrusted) {
  const std::string code = Code();
  Relay whole(root_.tcp_host(), Unchanged);
  ASSERT_TRUE(PairWithBoard(whole.host(), code, "me@here").ok());
  int failed = 0;
  for (const bool to_board : {true, false}) {
    const size_t length = whole.Recorded(to_board).size();
    ASSERT_GT(length, 500u);
    for (size_t at = 7; at < length; at += length / 12) {
      const std::string fresh = Code();
      Relay relay(root_.tcp_host(), [=](bool to, size_t number, char byte) {
        return static_cast<char>(to == to_board && number == at ? byte ^ 4 : byte);
      });
      const absl::StatusOr<v1::PairedBoard> board =
          PairWithBoard(relay.host(), fresh, "me@here", Seconds(2));
      failed += board.ok() ? 0 : 1;
      if (board.ok()) {
        EXPECT_EQ(board->authority_pem(), authority()) << at;
      }
    }
  }
  EXPECT_GE(failed, 20);
}

// Hands on what comes, but loses the first connections whole that begin with TLS.
class LossyRelay {
 public:
  LossyRelay(std::string board, int losses)
      : board_(std::move(board)), losses_(losses), thread_([this] { Run(); }) {}
  ~LossyRelay() { listening_.Stop(); }
  LossyRelay(const LossyRelay&) = delete;
  LossyRelay& operator=(const LossyRelay&) = delete;
  const std::string& host() const { return listening_.host(); }

 private:
  void Run() {
    for (UniqueFd client = listening_.Accept(); client.ok(); client = listening_.Accept()) {
      threads_.emplace_back([this, client = std::move(client)] { Serve(client.get()); });
    }
  }
  void Serve(int client) {
    char first = 0;
    if (recv(client, &first, 1, MSG_PEEK) != 1) return;
    const UniqueFd board = ConnectRaw(board_);
    const bool lost = first == 22 && losses_-- > 0;
    pollfd pollers[2] = {{.fd = client, .events = POLLIN, .revents = 0},
                         {.fd = board.get(), .events = POLLIN, .revents = 0}};
    while (poll(pollers, 2, -1) > 0) {
      const bool to_board = pollers[0].revents != 0;
      char bytes[4096];
      const ssize_t size = recv(to_board ? client : board.get(), bytes, sizeof(bytes), 0);
      if (size <= 0) return;
      if (!lost)
        send(to_board ? board.get() : client, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    }
  }

  const std::string board_;
  std::atomic<int> losses_;
  Listening listening_;
  std::vector<std::jthread> threads_;
  std::jthread thread_;
};

TEST_F(PairingTest, AConnectionThatIsLostIsMadeAgainAndTwiceIsSaid) {
  ASSERT_TRUE(PairBy(Code()).ok());
  LossyRelay once(root_.tcp_host(), 1);
  const auto client = DeviceClient::Connect(once.host());
  EXPECT_TRUE(client.ok()) << client.status();
  LossyRelay always(root_.tcp_host(), 99);
  const absl::Status status = DeviceClient::Connect(always.host()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.ToString(), HasSubstr("has not finished TLS within 5 s"));
}

}  // namespace
}  // namespace synergy
