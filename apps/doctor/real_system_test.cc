#include "doctor/real_system.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/descriptor.h"
#include "support/temporary_folder.h"

namespace vmq::doctor {
namespace {

TEST(RealSystem, SeesFilesWithTheirModes) {
    const testing::TemporaryFolder folder;
    const std::string path = folder.path() + "/secret";
    std::ofstream(path) << "text";
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    const RealSystem system;
    const auto facts = system.file(path);
    ASSERT_TRUE(facts);
    EXPECT_EQ(facts->mode & 07777, 0640U);
    EXPECT_EQ(facts->owner, ::geteuid());
    EXPECT_EQ(system.read(path), "text");
    EXPECT_EQ(system.file(path + "x"), std::nullopt);
    EXPECT_EQ(system.read(path + "x"), std::nullopt);
    EXPECT_EQ(system.list(folder.path()), std::vector<std::string>{"secret"});
}

TEST(RealSystem, AFolderThatIsNotThereIsOnTheVolumeOfTheOneAbove) {
    const RealSystem system;
    const auto volume = system.volume("/proc/nothing/here/at/all");
    ASSERT_TRUE(volume);
    EXPECT_EQ(volume->type, "unknown 0x9FA0");  // /proc itself
    ASSERT_TRUE(system.volume("data"));
    EXPECT_GT(system.volume("data")->total_bytes, 0U);
}

TEST(RealSystem, APortThatSomebodyListensAtIsTaken) {
    const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener.get(), plain, size), 0);
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    ASSERT_EQ(::getsockname(listener.get(), plain, &size), 0);
    const RealSystem system;
    const PortUse use = system.port("127.0.0.1", ntohs(address.sin_port));
    EXPECT_EQ(use.state, PortUse::State::Taken);
    EXPECT_NE(use.holder.find("(pid " + std::to_string(::getpid()) + ")"), std::string::npos)
        << use.holder;
    EXPECT_EQ(system.port("127.0.0.1", 0).state, PortUse::State::Free);
    EXPECT_EQ(system.port("192.0.2.1", 0).state, PortUse::State::NoSuchAddress);
    EXPECT_EQ(system.port("nonsense", 1).state, PortUse::State::Unknown);
}

TEST(RealSystem, TellsWhatItRunsOn) {
    const RealSystem system;
    EXPECT_GT(system.file_limit().hard, 0U);
    EXPECT_EQ(system.user_name(0), "root");
    EXPECT_EQ(system.user_name(4'000'000), "4000000");
    EXPECT_EQ(system.libraries().at(0).name, "OpenSSL");
    bool here = false;
    for (const Process& process : system.processes()) here = here || process.pid == ::getpid();
    EXPECT_TRUE(here);
}

TEST(RealSystem, CertificatesAreLoadedAsAListenerDoes) {
    transport::TlsOptions options;
    options.certificate.certfile = "/nonexistent/cert.pem";
    std::vector<std::string> notices;
    const auto loaded = RealSystem().load_tls(options, notices);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().detail.find("/nonexistent/cert.pem"), std::string::npos);
}

}  // namespace
}  // namespace vmq::doctor
