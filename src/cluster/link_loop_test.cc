#include "cluster/link_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "cluster/link_fixture.h"

namespace vmq::cluster {
namespace {

using testing::kStart;

class LinkLoopTest : public ::testing::Test {
protected:
    /// A link that has just refused a stranger; the stranger's end.
    std::unique_ptr<Descriptor> refuse_stranger() {
        const auto [there, here] = testing::socket_pair();
        auto stranger = std::make_unique<Descriptor>(there);
        node_.link =
            std::make_unique<Link>(node_.links, node_.told, node_.local, testing::cookie(),
                                   Link::Accepted{here, {"x", 1}, nullptr}, Handshake::Judge());
        node_.link->start();
        constexpr std::string_view kRequest = "GET / HTTP/1.1\r\n\r\n";
        EXPECT_EQ(::write(there, kRequest.data(), kRequest.size()),
                  static_cast<ssize_t>(kRequest.size()));
        node_.step(now_);
        EXPECT_EQ(node_.link->state(), Link::State::Ended);
        return stranger;
    }
    /// What is there to read, 0 at the end of the stream.
    static ssize_t read_from(const Descriptor& stranger) {
        std::array<char, 4096> buffer;
        return ::read(stranger.get(), buffer.data(), buffer.size());
    }

    TimePoint now_ = kStart;
    testing::SteppedNode node_{"a@host", 1, kStart};
};

TEST_F(LinkLoopTest, WhoIsRefusedCanReadWhyAndThenTheEnd) {
    const auto stranger = refuse_stranger();
    EXPECT_EQ(node_.links.partings(), 1U);
    EXPECT_GT(read_from(*stranger), 0);
    EXPECT_EQ(read_from(*stranger), 0);
    // What else it says is not answered, but does not destroy what it has not read either.
    EXPECT_EQ(::write(stranger->get(), "more", 4), 4);
    node_.step(now_);
    EXPECT_EQ(node_.links.partings(), 1U);
}

TEST_F(LinkLoopTest, APartingEndsWithThePeer) {
    auto stranger = refuse_stranger();
    stranger.reset();
    node_.step(now_);
    node_.step(now_);
    EXPECT_EQ(node_.links.partings(), 0U);
}

TEST_F(LinkLoopTest, PartingsAreBoundedAndHaveTheirTime) {
    std::vector<std::unique_ptr<Descriptor>> strangers;
    for (std::size_t i = 0; i <= LinkLoop::kMostPartings; ++i) {
        strangers.push_back(refuse_stranger());
        ASSERT_EQ(node_.links.partings(), std::min(i + 1, LinkLoop::kMostPartings));
        EXPECT_GT(read_from(*strangers.back()), 0) << "it was told, also the one too many";
    }
    now_ += LinkLoop::kPartingTime - Millis(1);
    node_.step(now_);
    EXPECT_EQ(node_.links.partings(), LinkLoop::kMostPartings);
    now_ += Millis(100);
    node_.step(now_);
    node_.step(now_);
    EXPECT_EQ(node_.links.partings(), 0U);
}

TEST_F(LinkLoopTest, ALinkThatIsDestroyedIsNotWrittenAnyMore) {
    const auto [there, here] = testing::socket_pair();
    const Descriptor other(there);
    node_.link =
        std::make_unique<Link>(node_.links, node_.told, node_.local, testing::cookie(),
                               Link::Dialled{here, {"x", 1}, nullptr, "", {}}, Handshake::Judge());
    node_.link->start();  // has its greeting to write
    node_.link.reset();
    node_.step(now_);
    EXPECT_EQ(read_from(other), 0);
}

}  // namespace
}  // namespace vmq::cluster
