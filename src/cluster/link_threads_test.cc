// Links over TCP between loops in threads of their own: dialled, accepted, moved to another thread.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/connector.h"
#include "cluster/link.h"
#include "cluster/link_fixture.h"
#include "support/tls/listener_files.h"
#include "transport/tls_client_context.h"

namespace vmq::cluster {
namespace {

using testing::News;
using testing::ThreadedNode;

constexpr FrameType kNumber{60};
constexpr std::uint64_t kFrames = 20'000;
constexpr std::size_t kHighWater = 256 * 1024;

/// Dials and sends numbers, as many as there is room for.
class Sender final : public LinkHandler, public ConnectorHandler {
public:
    Sender(ThreadedNode& node, News& news, std::shared_ptr<const transport::TlsClientContext> tls)
        : node_(node), news_(news), tls_(std::move(tls)) {}

    void dial(std::uint16_t port) {
        connector_ = std::make_unique<Connector>(node_.loop, *this, DialSettings{}, 1);
        connector_->dial("127.0.0.1", port);
    }
    void close() { link_->close({RefusalCode::ShuttingDown, "a@host stops"}); }
    void drop_all() {
        link_.reset();
        connector_.reset();
    }

    void on_connected(Connector& /*connector*/, int fd, transport::PeerAddress address) override {
        link_ = std::make_unique<Link>(
            node_.links, *this, node_.local, testing::cookie(),
            Link::Dialled{fd, std::move(address), tls_, "127.0.0.1", {LinkKind::Data, 1, "b@host"}},
            Handshake::Judge());
        link_->start();
    }
    void on_dial_failed(Connector& /*connector*/, const std::string& why) override {
        news_.tell(why);
    }
    void on_agreed(Link& link) override { fill(link); }
    void on_room(Link& link) override { fill(link); }
    void on_frame(Link& link, const Frame& frame) override {
        ByteReader reader(frame.body);
        if (!reader.varint(acknowledged_)) return link.fail("sent an unreadable number");
        // Heartbeats make batches of their own, which are acknowledged as well.
        if (acknowledged_ == kFrames && !std::exchange(told_, true)) news_.tell("all acknowledged");
    }
    void on_end(Link& /*link*/, const LinkEnd& end) override { news_.tell("ended: " + end.text); }

private:
    void fill(Link& link) {
        while (next_ <= kFrames && link.unsent() < kHighWater) {
            FrameWriter frame(kNumber, link.output().bytes());
            frame.body().varint(next_++);
            frame.body().bytes(std::string(next_ % 1'000, 'x'));
            frame.finish();
        }
        if (next_ <= kFrames) link.tell_when_below(kHighWater / 2);
    }

    ThreadedNode& node_;
    News& news_;
    const std::shared_ptr<const transport::TlsClientContext> tls_;
    std::unique_ptr<Connector> connector_;
    std::unique_ptr<Link> link_;
    std::uint64_t next_ = 1;
    std::uint64_t acknowledged_ = 0;
    bool told_ = false;
};

/// Takes numbers on another loop and says how far they have come.
class Receiver final : public LinkHandler {
public:
    Receiver(ThreadedNode& node, News& news) : node_(node), news_(news) {}

    void take(MovedLink moved) {
        link_ = std::make_unique<Link>(node_.links, *this, std::move(moved));
        link_->start();
    }
    void drop_link() { link_.reset(); }

    void on_agreed(Link& /*link*/) override {}
    void on_frame(Link& link, const Frame& frame) override {
        ByteReader reader(frame.body);
        std::uint64_t number = 0;
        if (frame.type != kNumber) return link.on_unknown(frame);
        if (!reader.varint(number) || number != received_ + 1) return link.fail("lost a number");
        received_ = number;
    }
    void on_batch_end(Link& link) override {
        FrameWriter frame(kNumber, link.output().bytes());
        frame.body().varint(received_);
        frame.finish();
    }
    void on_end(Link& /*link*/, const LinkEnd& end) override {
        news_.tell("receiver ended: " + end.text);
    }

private:
    ThreadedNode& node_;
    News& news_;
    std::unique_ptr<Link> link_;
    std::uint64_t received_ = 0;
};

/// Accepts, and hands over what is agreed.
class Greeter final : public LinkHandler {
public:
    Greeter(ThreadedNode& node, ThreadedNode& shard, Receiver& receiver,
            std::shared_ptr<const transport::TlsContext> tls)
        : node_(node), shard_(shard), receiver_(receiver), tls_(std::move(tls)) {}

    void listen(int fd) {
        acceptor_ = std::make_unique<transport::Acceptor>(
            node_.loop, fd,
            [this](int accepted, transport::PeerAddress peer) {
                link_ = std::make_unique<Link>(node_.links, *this, node_.local, testing::cookie(),
                                               Link::Accepted{accepted, std::move(peer), tls_},
                                               Handshake::Judge());
                link_->start();
            },
            [] { return Millis(0); });
    }
    void drop_all() {
        acceptor_.reset();
        link_.reset();
    }

    void on_agreed(Link& link) override {
        auto moved = std::make_shared<MovedLink>(link.release());
        shard_.post([this, moved] { receiver_.take(std::move(*moved)); });
        node_.links.bury(std::move(link_));
    }
    void on_frame(Link& /*link*/, const Frame& /*frame*/) override {}
    void on_end(Link& /*link*/, const LinkEnd& /*end*/) override {}

private:
    ThreadedNode& node_;
    ThreadedNode& shard_;
    Receiver& receiver_;
    const std::shared_ptr<const transport::TlsContext> tls_;
    std::unique_ptr<transport::Acceptor> acceptor_;
    std::unique_ptr<Link> link_;
};

class LinkThreads : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Tls, LinkThreads, ::testing::Bool(),
                         [](const auto& way) { return way.param ? "Tls" : "Plain"; });

TEST_P(LinkThreads, NumbersArriveInOrderThroughALinkThatMoves) {
    std::shared_ptr<const transport::TlsContext> server_tls;
    std::shared_ptr<const transport::TlsClientContext> client_tls;
    const vmq::testing::ListenerFiles files(
        {.common_name = "b", .alternative_names = "IP:127.0.0.1"});
    if (GetParam()) {
        transport::TlsClientOptions options;
        options.cafile = files.cafile;
        client_tls = transport::TlsClientContext::load(options).value();
        server_tls = files.load();
    }
    News news;
    ThreadedNode a("a@host", 1);
    ThreadedNode b("b@host", 2);
    ThreadedNode shard_of_b("b@host", 2);
    Sender sender(a, news, client_tls);
    Receiver receiver(shard_of_b, news);
    Greeter greeter(b, shard_of_b, receiver, server_tls);

    const auto [fd, port] = testing::listen_on("127.0.0.1");
    const int listening = fd;
    const std::uint16_t at = port;
    b.run([&] { greeter.listen(listening); });
    a.run([&] { sender.dial(at); });
    EXPECT_EQ(news.next(), "all acknowledged");

    a.run([&] { sender.close(); });
    EXPECT_EQ(news.next(), "receiver ended: a@host stops");
    a.run([&] { sender.drop_all(); });
    b.run([&] { greeter.drop_all(); });
    shard_of_b.run([&] { receiver.drop_link(); });
}

}  // namespace
}  // namespace vmq::cluster
