#include <chrono>

#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

class TlsCommands : public CommandTest {
protected:
    TlsCommands() {
        CertificateView& good = node.shown.emplace_back();
        good.file = "cert.pem";
        good.not_after = 1'767'323'045;  // 2026-01-02 03:04:05
        good.issuer = "ca";
        good.alternative_names = {"DNS:a.b", "IP:127.0.0.1"};
    }
    static std::int64_t now() {
        return std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    }
};

TEST_F(TlsCommands, ShowIsOneRowForEachFile) {
    EXPECT_EQ(out("tls show --format=csv"),
              "File,Not_Before,Not_After,CN,Issuer,SAN\r\n"
              "cert.pem,1970-01-01 00:00:00,2026-01-02 03:04:05,undefined,ca,"
              "DNS:a.b IP:127.0.0.1\r\n");
}

TEST_F(TlsCommands, AFileThatCannotBeReadIsARowToo) {
    CertificateView& bad = node.shown.emplace_back();
    bad.file = "gone.pem";
    bad.problem = "no such file";
    EXPECT_NE(out("tls show --format=csv").find("gone.pem,null,null,null,null,null,no such file"),
              std::string::npos);
}

TEST_F(TlsCommands, CheckNamesWhatExpiresSoon) {
    node.shown[0].not_after = now() + 1000;
    EXPECT_EQ(out("tls check -v 500"), "All fine\n");
    EXPECT_NE(out("tls check").find("cert.pem"), std::string::npos);
    node.shown[0].not_before = now() + 500;
    EXPECT_NE(out("tls check -v 500").find("cert.pem"), std::string::npos);
    node.shown[0] = {};
    node.shown[0].problem = "no such file";
    EXPECT_NE(out("tls check"), "All fine\n");
}

TEST_F(TlsCommands, ReloadHasTwoNames) {
    EXPECT_EQ(out("tls reload"), "Done\n");
    EXPECT_EQ(out("tls clear-pem-cache"), "Done\n");
    EXPECT_EQ(calls(), (Calls{"reload_certificates", "reload_certificates"}));
}

}  // namespace
}  // namespace vmq::admin::commands
