// Nodes of one process for tests of links: a loop, what its links share, and who is told.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/clock.h"
#include "cluster/cookie_key.h"
#include "cluster/link.h"
#include "cluster/link_loop.h"
#include "metrics/counters.h"
#include "runtime/coordination.h"
#include "runtime/guarded.h"
#include "runtime/loop_thread.h"
#include "runtime/shard_loop.h"
#include "runtime/work_queue.h"
#include "transport/stream_listener.h"

namespace vmq::cluster::testing {

/// scrypt takes its time on purpose: once for each of the two.
inline const CookieKey& cookie(bool other = false) {
    static const CookieKey one = CookieKey::derive("vmq").value();
    static const CookieKey two = CookieKey::derive("other").value();
    return other ? two : one;
}

inline LocalNode local_node(const std::string& name, std::uint64_t boot) {
    LocalNode node;
    node.name = name;
    node.boot = Boot{boot};
    node.port = 44'053;
    node.longest_frame = 1 << 20;
    return node;
}

/// Writes down what happens on one link.
class Recorder final : public LinkHandler {
public:
    void on_agreed(Link& link) override {
        ++agreed;
        if (when_agreed) when_agreed(link);
    }
    void on_frame(Link& link, const Frame& frame) override {
        frames.emplace_back(frame.type, frame.body);
        if (when_frame) when_frame(link, frame);
    }
    void on_batch_end(Link& /*link*/) override { ++batches; }
    void on_room(Link& link) override {
        ++rooms;
        if (when_room) when_room(link);
    }
    void on_end(Link& /*link*/, const LinkEnd& end) override { ends.push_back(end); }

    int agreed = 0;
    int batches = 0;
    int rooms = 0;
    std::vector<std::pair<FrameType, std::string>> frames;
    std::vector<LinkEnd> ends;
    std::function<void(Link&)> when_agreed;
    std::function<void(Link&, const Frame&)> when_frame;
    std::function<void(Link&)> when_room;
};

/// How long threads may take, on a busy machine.
inline constexpr Millis kPatience{60'000};

/// What the threads tell the test.
class News final {
public:
    void tell(std::string news) { queue_.push(std::move(news)); }
    /// The next of it; "nothing" if there is none in time.
    [[nodiscard]] std::string next() {
        std::vector<std::string> news;
        while (waiting_.empty() && queue_.take(news, kPatience) && !news.empty()) {
            waiting_.insert(waiting_.end(), news.begin(), news.end());
            news.clear();
        }
        if (waiting_.empty()) return "nothing";
        std::string first = waiting_.front();
        waiting_.erase(waiting_.begin());
        return first;
    }

private:
    runtime::WorkQueue<std::string> queue_;
    std::vector<std::string> waiting_;
};

/// When the time of tests that step begins.
inline constexpr TimePoint kStart{Millis(100'000)};

/// A loop that is stepped by the test, at the time the test says.
class SteppedNode final : public runtime::TurnHandler {
public:
    SteppedNode(const std::string& name, std::uint64_t boot, TimePoint start,
                LinkSettings settings = {})
        : local(local_node(name, boot)), loop(0, start), links(loop, metrics, settings) {}

    [[nodiscard]] bool has_mail() const override { return false; }
    void on_mail() override {}
    void on_turn_end() override { links.on_turn_end(); }
    void step(TimePoint now) { (void)loop.step(*this, now); }

    LocalNode local;
    runtime::ShardLoop loop;
    metrics::ShardMetrics metrics;
    LinkLoop links;
    Recorder told;
    std::unique_ptr<Link> link;
};

/// A loop in a thread of its own, to which the test hands work.
class ThreadedNode final : public runtime::TurnHandler {
public:
    ThreadedNode(const std::string& name, std::uint64_t boot)
        : local(local_node(name, boot)), links(loop, metrics, {}) {
        thread_ = std::make_unique<runtime::LoopThread>(loop, *this);
    }
    /// What belongs to the loop has to be gone by then, see run().
    ~ThreadedNode() override {
        loop.stop();
        thread_.reset();
    }

    void post(std::function<void()> work) {
        mail_.with([&](auto& mail) { mail.push_back(std::move(work)); });
        loop.wake();
    }
    /// Returns when it has been done.
    void run(const std::function<void()>& work) {
        runtime::Countdown done(1);
        post([&] {
            work();
            done.done();
        });
        done.wait();
    }

    [[nodiscard]] bool has_mail() const override {
        return mail_.with([](const auto& mail) { return !mail.empty(); });
    }
    void on_mail() override {
        std::vector<std::function<void()>> mail;
        mail_.with([&](auto& waiting) { mail.swap(waiting); });
        for (const auto& work : mail) work();
    }
    void on_turn_end() override { links.on_turn_end(); }

    const LocalNode local;
    runtime::ShardLoop loop{0};
    metrics::ShardMetrics metrics;
    LinkLoop links;

private:
    runtime::Guarded<std::vector<std::function<void()>>> mail_;
    std::unique_ptr<runtime::LoopThread> thread_;
};

/// A listening descriptor on the loopback, and its port.
inline std::pair<int, std::uint16_t> listen_on(const std::string& address, int backlog = 16) {
    transport::ListenOptions options;
    options.address = address;
    options.backlog = backlog;
    auto opened = transport::open_listeners(options, 1);
    VMQ_ASSERT(opened);
    return {opened.value()[0], options.port};
}

/// Two connected descriptors that do not block.
inline std::pair<int, int> socket_pair() {
    int ends[2];
    VMQ_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    return {ends[0], ends[1]};
}

}  // namespace vmq::cluster::testing
