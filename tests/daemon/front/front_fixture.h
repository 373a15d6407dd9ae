// The front and the client in one process, over a real Unix socket or over TCP, with a fake root
// side.
#pragma once

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "client/net/device_client.h"
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
  void SetUp() override { StartFront(); }

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
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
  }

  FakeRoot root_;
  std::unique_ptr<FrontServer> front_;
  std::unique_ptr<DeviceClient> client_;
};

}  // namespace synergy
