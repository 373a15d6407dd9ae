// The front and the client in one process, over a real Unix socket or over TCP, with a fake root
// side.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "client/net/device_client.h"
#include "client/net/pairings.h"
#include "common/certificates.h"
#include "daemon/front/front_server.h"
#include "fmt/format.h"
#include "synergy/v1/device.grpc.pb.h"
#include "tests/daemon/front/fake_root.h"

namespace synergy {

enum class Transport { kUnix, kTcp };

inline std::string TransportName(const testing::TestParamInfo<Transport>& info) {
  return info.param == Transport::kTcp ? "Tcp" : "UnixSocket";
}

class FrontTest : public testing::TestWithParam<Transport> {
 protected:
  void SetUp() override {
    setenv("XDG_CONFIG_HOME", root_.folder().File("config").c_str(), 1);
    paired_ = root_.Pair();
    ASSERT_TRUE(StorePairing(paired_).ok());
    StartFront();
  }

  void StartFront() {
    auto front =
        FrontServer::Start(std::make_unique<ControlChannel>(root_.StartFront()), RealClock());
    ASSERT_TRUE(front.ok()) << front.status();
    front_ = *std::move(front);
    auto client = DeviceClient::Connect(host());
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  std::string host() const {
    return GetParam() == Transport::kTcp ? root_.tcp_host() : root_.unix_host();
  }

  // For what our own client would never send.
  std::unique_ptr<v1::Device::Stub> RawStub() const { return v1::Device::NewStub(RawChannel()); }
  std::shared_ptr<grpc::Channel> RawChannel() const {
    const std::string target =
        GetParam() == Transport::kTcp ? fmt::format("ipv4:{}", host()) : host();
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    if (GetParam() == Transport::kUnix) {
      return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
    }
    args.SetSslTargetNameOverride(BoardDnsName(paired_.board_id()));
    const grpc::SslCredentialsOptions options{.pem_root_certs = paired_.authority_pem(),
                                              .pem_private_key = paired_.key_pem(),
                                              .pem_cert_chain = paired_.certificate_pem()};
    return grpc::CreateCustomChannel(target, grpc::SslCredentials(options), args);
  }

  FakeRoot root_;
  v1::PairedBoard paired_;
  std::unique_ptr<FrontServer> front_;
  std::unique_ptr<DeviceClient> client_;
};

}  // namespace synergy
