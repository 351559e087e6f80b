#include <unistd.h>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class ListenerCommands : public CommandTest {
protected:
    ListenerCommands() {
        ListenerView& plain = node.open.emplace_back();
        plain.now.type = "mqtt";
        plain.now.address = "127.0.0.1";
        plain.now.port = 1883;
        plain.now.running = true;
        plain.now.connections = 2;
        plain.now.accepted = 9;
        ListenerView& secure = node.open.emplace_back();
        secure.now.type = "mqtts";
        secure.now.address = "/run/x";
        secure.now.max_connections = 5;
        secure.settings.unix_path = "/run/x";
        secure.settings.tls.certfile = "cert.pem";
        secure.settings.allowed_protocol_versions = {4, 132};
    }
    const config::ListenerSettings& last() { return node.started.back(); }
};

TEST_F(ListenerCommands, ShowHasVerneMqsColumns) {
    EXPECT_EQ(out("listener show --format=csv"),
              "type,status,address,port,mountpoint,max_conns,active_conns,all_conns\r\n"
              "mqtt,running,127.0.0.1,1883,,infinity,2,9\r\n"
              "mqtts,suspended,local:/run/x,0,,5,0,0\r\n");
    EXPECT_NE(
        out("listener show -t -m --format=json")
            .find(R"json("tls_version":"tlsv1.2, tlsv1.3","certfile":"cert.pem","cafile":"",)json"
                  R"json("keyfile":"","require_certificate":false,)json"
                  R"json("use_identity_as_username":false,"psk_support":false,"pskfile":null,)json"
                  R"json("allowed_protocol_versions":"mqtt 3.1.1, mqtt 3.1.1 (bridge)",)json"
                  R"json("allow_anonymous_override":false)json"),
        std::string::npos);
}

TEST_F(ListenerCommands, StopSuspendsUnlessSessionsAreKilled) {
    EXPECT_EQ(out("listener stop port=1883 address=127.0.0.1"), "Done\n");
    EXPECT_EQ(out("listener stop address=127.0.0.1 -k port=1883"), "Done\n");
    EXPECT_EQ(out("listener restart address=::1 port=1883"), "Done\n");
    EXPECT_EQ(out("listener delete address=local:/run/x port=0"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"suspend 127.0.0.1 1883", "stop 127.0.0.1 1883", "resume ::1 1883",
                              "remove /run/x 0"}));
}

TEST_F(ListenerCommands, WhatIsNotThereIsSaidButDeletedAllTheSame) {
    node.outcome = Error{ErrorCode::NotFound, "there is no listener at 127.0.0.1:1"};
    EXPECT_EQ(out("listener stop address=127.0.0.1 port=1"),
              "there is no listener at 127.0.0.1:1\n");
    EXPECT_EQ(run("listener suspend address=127.0.0.1 port=1").status, 1);
    EXPECT_EQ(out("listener delete address=127.0.0.1 port=1"), "Done\n");
}

TEST_F(ListenerCommands, AddressesAndPortsAreChecked) {
    EXPECT_EQ(out("listener stop address=foo port=1"), "Invalid arguments: address=foo \n");
    EXPECT_EQ(out("listener stop address=127.0.0.1 port=abc"), "Invalid arguments: port=abc \n");
    EXPECT_EQ(out("listener stop address=127.0.0.1 port=65536"),
              "Invalid arguments: port=65536 \n");
    EXPECT_EQ(out("listener stop address=local:/x port=1"), "Invalid arguments: port=1 \n");
    EXPECT_EQ(calls(), Calls{});
}

TEST_F(ListenerCommands, StartReadsItsFlagsLikeVernemqConf) {
    EXPECT_EQ(
        out("listener start address=::1 port=1884 --max_connections=infinity -m mp "
            "--allowed_protocol_versions=3,4 --proxy_protocol --allow_anonymous_override=true"),
        "Done\n");
    EXPECT_EQ(last().kind, config::ListenerKind::Tcp);
    EXPECT_EQ(last().address, "::1");
    EXPECT_EQ(last().port, 1884);
    EXPECT_EQ(last().max_connections, std::nullopt);
    EXPECT_EQ(last().mountpoint, "mp");
    EXPECT_EQ(last().allowed_protocol_versions, (std::vector<std::uint8_t>{3, 4}));
    EXPECT_TRUE(last().proxy.proxy_protocol);
    EXPECT_TRUE(last().allow_anonymous_override);
}

TEST_F(ListenerCommands, TheKindFollowsFromTheFlags) {
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --websocket"), "Done\n");
    EXPECT_EQ(last().kind, config::ListenerKind::Ws);
    EXPECT_EQ(out("listener start address=local:/run/x port=0"), "Done\n");
    EXPECT_EQ(last().unix_path, "/run/x");
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --ssl --eccs=secp256r1:secp384r1"),
              "Done\n");
    EXPECT_EQ(last().kind, config::ListenerKind::Ssl);
    EXPECT_EQ(last().tls.eccs.size(), 2U);
    EXPECT_EQ(
        out("listener start address=127.0.0.1 port=1 --http --http_modules=[vmq_health_http]"),
        "Done\n");
    EXPECT_EQ(last().kind, config::ListenerKind::Http);
    EXPECT_EQ(last().http_modules, std::vector<std::string>{"vmq_health_http"});
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --http --ssl --config_mod=x"), "Done\n");
    EXPECT_EQ(last().kind, config::ListenerKind::Https);
    EXPECT_EQ(node.started.size(), 5U);
}

TEST_F(ListenerCommands, StartRefusesFlagsThatDoNotFit) {
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --ssl --cafile=/nowhere/ca.pem"),
              "Invalid value: \"/nowhere/ca.pem\" for flag: cafile\n");
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --max_connections=x"),
              "Invalid value: \"x\" for flag: max_connections\n");
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --mountpoint"),
              "Invalid value: \"\" for flag: mountpoint\n");
    // Without --ssl what is about TLS has no effect.
    EXPECT_EQ(out("listener start address=127.0.0.1 port=1 --cafile=/nowhere/ca.pem"), "Done\n");
}

TEST_F(ListenerCommands, AValueCannotSmuggleInOtherSettings) {
    EXPECT_EQ(execute(std::vector<std::string>{"listener", "start", "address=127.0.0.1", "port=1",
                                               "--mountpoint=a\nallow_anonymous = on # '"},
                      false, node)
                  .out,
              "Done\n");
    EXPECT_EQ(last().mountpoint, "a\nallow_anonymous = on # '");
}

TEST_F(ListenerCommands, WhatHindersAStartIsAnAlert) {
    node.outcome = Error{ErrorCode::AddressInUse, "address in use"};
    const Printed taken = run("listener start address=127.0.0.1 port=1");
    EXPECT_EQ(taken.out, "can't start listener due to 'eaddrinuse'\n");
    EXPECT_EQ(taken.status, 0);
}

}  // namespace
}  // namespace vmq::admin::commands
